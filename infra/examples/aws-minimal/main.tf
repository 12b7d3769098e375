# The least that an import on AWS needs, in subnets with a way out.

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

variable "image" {
  description = "Image of Thunderhead"
  type        = string
}

variable "tidb_host" {
  description = "TiDB"
  type        = string
}

variable "vpc_id" {
  description = "VPC of the workers"
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the workers"
  type        = list(string)
}

module "thunderhead" {
  source = "../../aws"

  name               = "orders"
  import_id          = "orders-1"
  image              = var.image
  source_bucket      = "my-dumps"
  source_prefix      = "orders"
  tidb_host          = var.tidb_host
  vpc_id             = var.vpc_id
  subnet_ids         = var.subnet_ids
  target_cidr_blocks = ["10.0.0.0/8"]
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
