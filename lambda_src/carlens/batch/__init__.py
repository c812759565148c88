"""Jobs over the photos of a bucket: plan the parts, process each part, and check the results."""
