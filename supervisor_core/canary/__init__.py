"""A drawn examination that flies through the whole pipeline now and then, to see that it works."""
