# An import in subnets without a way out: everything over VPC endpoints, image from ECR, packages of Amazon
# Linux over the S3 endpoint, password from Secrets Manager, ledger in a bucket that exists.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

variable "account_id" {
  description = "AWS account that holds the image"
  type        = string
}

variable "vpc_id" {
  description = "VPC of the workers"
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets"
  type        = list(string)
}

variable "route_table_ids" {
  description = "Route tables of these subnets"
  type        = list(string)
}

variable "target_security_group_id" {
  description = "Security group of PD, TiKV and TiDB"
  type        = string
}

variable "password_secret_arn" {
  description = "Secret with TiDB's password"
  type        = string
}

variable "alarm_topic_arn" {
  description = "SNS topic for alarms"
  type        = string
}

module "thunderhead" {
  source = "../../aws"

  name                  = "orders"
  import_id             = "orders-1"
  image                 = "${var.account_id}.dkr.ecr.eu-west-1.amazonaws.com/thunderhead:0.1.0"
  image_repository_arns = ["arn:aws:ecr:eu-west-1:${var.account_id}:repository/thunderhead"]

  source_bucket = "my-dumps"
  source_prefix = "orders"
  ledger_bucket = "my-ledgers"

  tidb_host                = "tidb.internal"
  tidb_user                = "importer"
  tidb_password_secret_arn = var.password_secret_arn
  target_security_group_id = var.target_security_group_id

  vpc_id                      = var.vpc_id
  subnet_ids                  = var.subnet_ids
  s3_endpoint_route_table_ids = var.route_table_ids
  interface_endpoints         = ["autoscaling", "ecr.api", "ecr.dkr", "logs", "secretsmanager", "sqs"]

  max_workers     = 20
  first_workers   = 4
  jobs_per_worker = 8
  alarm_actions   = [var.alarm_topic_arn]
}

output "plan_command" {
  description = "Starts the planner"
  value       = module.thunderhead.plan_command
}

output "finalize_command" {
  description = "Starts the finalizer"
  value       = module.thunderhead.finalize_command
}

output "status_command" {
  description = "Says how far the import is"
  value       = module.thunderhead.status_command
}
