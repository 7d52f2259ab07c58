"""dlib"""
