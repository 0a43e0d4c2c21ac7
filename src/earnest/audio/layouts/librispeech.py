def rows(tree, reading):
    return None
