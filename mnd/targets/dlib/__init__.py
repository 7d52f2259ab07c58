"""dlib's face recogniser: its weights, chips and landmarks as dlib has them, in torch and NumPy."""
