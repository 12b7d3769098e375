# One import on AWS: ledger bucket, job queue, spot workers that come and go with the backlog, and task
# definitions for the planner and the finalizer. README.md shows how to run it.

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  # `region` since provider 6, `name` before; both provide `id`.
  region = data.aws_region.current.id
  tags   = merge({ "thunderhead:import" = var.import_id }, var.tags)

  source_url        = join("/", compact(["s3://${var.source_bucket}", var.source_prefix]))
  source_bucket_arn = "arn:${local.partition}:s3:::${var.source_bucket}"
  source_objects    = join("/", compact([local.source_bucket_arn, var.source_prefix, "*"]))

  ledger_bucket     = var.ledger_bucket == null ? aws_s3_bucket.ledger[0].id : var.ledger_bucket
  ledger_bucket_arn = "arn:${local.partition}:s3:::${local.ledger_bucket}"
  ledger_objects    = "${local.ledger_bucket_arn}/${var.ledger_prefix}/*"
  ledger_url        = "s3://${local.ledger_bucket}/${var.ledger_prefix}"

  # What every service is told, besides the configuration file. No credential: those come from roles.
  environment = {
    AWS_REGION             = local.region
    THUNDERHEAD_IMPORT_ID  = var.import_id
    THUNDERHEAD_LEDGER     = local.ledger_url
    THUNDERHEAD_QUEUE      = aws_sqs_queue.jobs.url
    THUNDERHEAD_LOG_FORMAT = "json"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/thunderhead/${var.name}"
  retention_in_days = var.log_retention_days
  tags              = local.tags
}
