"""Tests, in the folders of what they test; what several share lies in `helpers`."""
