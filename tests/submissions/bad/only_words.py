"""I did not get any further, sorry."""

# TODO: everything
