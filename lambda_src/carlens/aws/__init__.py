"""Access to AWS: S3 and CloudWatch metrics."""
