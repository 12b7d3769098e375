# The module applied to a local cloud: `infra/check apply` runs it. The provider takes the endpoint from
# AWS_ENDPOINT_URL.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

provider "aws" {
  region                      = "us-east-1"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = "true"
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "this" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.0.1.0/24"
}

module "thunderhead" {
  source = "../.."

  name               = "emulated"
  import_id          = "emulated-1"
  image              = "registry.example/thunderhead:0.1.0"
  source_bucket      = "thunderhead"
  source_prefix      = "sql"
  tidb_host          = "127.0.0.1"
  vpc_id             = aws_vpc.this.id
  subnet_ids         = [aws_subnet.this.id]
  target_cidr_blocks = ["10.0.0.0/16"]
  ami                = "ami-0123456789abcdef0"
  force_destroy      = true
  # The emulator cannot look up one of several scaling policies.
  follow_backlog = false
}

output "ledger_url" {
  value = module.thunderhead.ledger_url
}

output "queue_url" {
  value = module.thunderhead.queue_url
}
