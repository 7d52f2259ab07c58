"""A surrogate: a small face network whose gradients are those of many, trained once and shipped."""
