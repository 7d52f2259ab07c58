"""cloaking"""
