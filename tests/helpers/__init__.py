"""What several tests share: stand-ins, pictures, judges that nobody attacked."""
