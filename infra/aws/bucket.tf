# The ledger's bucket. Objects are written once and never deleted by the services, so versioning is off and
# lifecycle rules alone remove them.

resource "aws_s3_bucket" "ledger" {
  count = var.ledger_bucket == null ? 1 : 0

  bucket_prefix = "${var.name}-ledger-"
  force_destroy = var.force_destroy
  tags          = local.tags
}

resource "aws_s3_bucket_public_access_block" "ledger" {
  count = var.ledger_bucket == null ? 1 : 0

  bucket                  = aws_s3_bucket.ledger[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "ledger" {
  count = var.ledger_bucket == null ? 1 : 0

  bucket = aws_s3_bucket.ledger[0].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "ledger" {
  count = var.ledger_bucket == null ? 1 : 0

  bucket = aws_s3_bucket.ledger[0].id

  rule {
    id     = "old-ledgers"
    status = "Enabled"

    filter {
      prefix = "${var.ledger_prefix}/"
    }

    expiration {
      days = var.ledger_retention_days
    }
  }

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"

    filter {
      prefix = ""
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }
}

data "aws_iam_policy_document" "ledger_tls" {
  count = var.ledger_bucket == null ? 1 : 0

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.ledger[0].arn, "${aws_s3_bucket.ledger[0].arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "ledger" {
  count = var.ledger_bucket == null ? 1 : 0

  bucket = aws_s3_bucket.ledger[0].id
  policy = data.aws_iam_policy_document.ledger_tls[0].json

  depends_on = [aws_s3_bucket_public_access_block.ledger]
}
