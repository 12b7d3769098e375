# --- The import ---------------------------------------------------------------------------------

variable "name" {
  description = "Prefix of all names; one per import, because a queue serves one import"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "The name must be 2 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "import_id" {
  description = "Names the import in ledger, queue and logs; another one is another import"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", var.import_id))
    error_message = "The import id must be 1 to 63 letters, digits, dots, underscores and hyphens."
  }
}

variable "image" {
  description = "Container image of Thunderhead, with tag or digest, in a registry that the instances reach"
  type        = string
}

variable "image_repository_arns" {
  description = "ARNs of the private ECR repositories that hold the image; empty for a registry without login"
  type        = list(string)
  default     = []
}

variable "source_bucket" {
  description = "Bucket of the dump"
  type        = string
}

variable "source_prefix" {
  description = "Folder of the dump in its bucket, without slashes at its ends; empty for the whole bucket"
  type        = string
  default     = ""

  validation {
    condition     = var.source_prefix == trim(var.source_prefix, "/")
    error_message = "The prefix must not begin or end with a slash."
  }
}

variable "config_toml" {
  description = "Configuration file for all services: a tidb-lightning.toml with our own keys under [thunderhead]. It is readable in user data and task definitions, so it must not hold passwords"
  type        = string
  default     = <<-TOML
    [thunderhead]
    sort-memory = "4GiB"
  TOML

  validation {
    condition     = !can(regex("(?mi)^\\s*password\\s*=", var.config_toml))
    error_message = "The configuration must not hold a password; use tidb_password_secret_arn."
  }
}

# --- The target ---------------------------------------------------------------------------------

variable "tidb_host" {
  description = "TiDB's host name or address; a load balancer will do"
  type        = string
}

variable "tidb_port" {
  description = "TiDB's SQL port"
  type        = number
  default     = 4000
}

variable "tidb_status_port" {
  description = "TiDB's HTTP status port"
  type        = number
  default     = 10080
}

variable "tidb_user" {
  description = "TiDB's user, for planner and finalizer"
  type        = string
  default     = "root"
}

variable "tidb_password_secret_arn" {
  description = "ARN of the Secrets Manager secret whose text is the password; null for a user without one"
  type        = string
  default     = null
}

variable "pd_endpoints" {
  description = "PD endpoints, host:port; empty to ask TiDB for them"
  type        = list(string)
  default     = []
}

variable "target_ports" {
  description = "Ports of PD (2379) and TiKV (20160 gRPC, 20180 status) that workers and tasks must reach"
  type        = list(number)
  default     = [2379, 20160, 20180]
}

variable "target_cidr_blocks" {
  description = "Where PD, TiKV and TiDB are, as CIDR blocks; outgoing traffic to their ports is allowed"
  type        = list(string)
  default     = []
}

variable "target_security_group_id" {
  description = "Security group of PD, TiKV and TiDB; traffic to their ports is allowed on both sides. Null if only CIDR blocks are known"
  type        = string
  default     = null
}

# --- Storage ------------------------------------------------------------------------------------

variable "ledger_bucket" {
  description = "Existing bucket for the ledger; null to make one"
  type        = string
  default     = null
}

variable "ledger_prefix" {
  description = "Folder of the ledgers in their bucket, without slashes at its ends"
  type        = string
  default     = "ledger"

  validation {
    condition     = var.ledger_prefix != "" && var.ledger_prefix == trim(var.ledger_prefix, "/")
    error_message = "The prefix must not be empty nor begin or end with a slash."
  }
}

variable "ledger_retention_days" {
  description = "Days after which objects of a ledger in the bucket made here are removed; longer than any import takes"
  type        = number
  default     = 90

  validation {
    condition     = var.ledger_retention_days >= 14
    error_message = "A ledger must outlive its queue's messages: at least 14 days."
  }
}

variable "force_destroy" {
  description = "Whether destroying removes a bucket that still holds ledgers"
  type        = bool
  default     = false
}

variable "kms_key_arns" {
  description = "ARNs of KMS keys that the dump or an existing ledger bucket is encrypted with"
  type        = list(string)
  default     = []
}

# --- The queue ----------------------------------------------------------------------------------

variable "queue_visibility_seconds" {
  description = "How long a received job is hidden at first; the value of thunderhead.queue-visibility, with which workers extend it"
  type        = number
  default     = 60

  validation {
    condition     = var.queue_visibility_seconds >= 30 && var.queue_visibility_seconds <= 43200
    error_message = "The visibility timeout must be between 30 s and 12 h."
  }
}

variable "max_receive_count" {
  description = "Receptions after which a message becomes a dead letter. Lost spot instances and drains count too, so it is higher than thunderhead.max-receives (5), at which a failing job is given up with its reason"
  type        = number
  default     = 20

  validation {
    condition     = var.max_receive_count >= 6 && var.max_receive_count <= 1000
    error_message = "It must be above thunderhead.max-receives (5), or jobs are lost without a reason, and at most 1000."
  }
}

# --- Workers ------------------------------------------------------------------------------------

variable "vpc_id" {
  description = "VPC of workers and tasks"
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of workers and tasks, with a way to S3, SQS, CloudWatch Logs and the image's registry"
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "At least one subnet is needed."
  }
}

variable "assign_public_ip" {
  description = "Whether planner and finalizer get a public address, which they need in a public subnet"
  type        = bool
  default     = false
}

variable "ami" {
  description = "AMI of the workers, of the Amazon Linux 2023 family: an id or resolve:ssm:PARAMETER"
  type        = string
  default     = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

variable "instance_types" {
  description = "Instance types of one architecture (the image's and the AMI's), with local NVMe; the more, the better for spot"
  type        = list(string)
  default     = ["i4i.2xlarge", "i3en.2xlarge", "m6id.4xlarge", "c6id.4xlarge", "r6id.2xlarge", "m5d.4xlarge"]

  validation {
    condition     = length(var.instance_types) > 0
    error_message = "At least one instance type is needed."
  }
}

variable "max_workers" {
  description = "Most worker instances at once"
  type        = number
  default     = 8

  validation {
    condition     = var.max_workers >= 1
    error_message = "At least one worker is needed."
  }
}

variable "follow_backlog" {
  description = "Whether the number of workers follows the backlog; else it is what set-desired-capacity says"
  type        = bool
  default     = true
}

variable "first_workers" {
  description = "Instances to start at once when jobs appear and none runs"
  type        = number
  default     = 1

  validation {
    condition     = var.first_workers >= 1 && var.first_workers <= var.max_workers
    error_message = "It must be between 1 and max_workers."
  }
}

variable "jobs_per_worker" {
  description = "Unfinished jobs that one instance is worth; more instances are started above it"
  type        = number
  default     = 16

  validation {
    condition     = var.jobs_per_worker > 0
    error_message = "It must be positive."
  }
}

variable "scale_in_while_working" {
  description = "Whether instances are taken away as the backlog shrinks. Their jobs are given back and begun again elsewhere; without it the group goes to zero at the end"
  type        = bool
  default     = false
}

variable "on_demand_base" {
  description = "Instances that are on demand before any is spot"
  type        = number
  default     = 0
}

variable "on_demand_percentage" {
  description = "Percentage of on-demand instances above the base"
  type        = number
  default     = 0
}

variable "concurrency" {
  description = "Jobs at once on one instance; 0 for one a CPU"
  type        = number
  default     = 0
}

variable "drain_seconds" {
  description = "How long a worker that must go may take to give its jobs back; below the two minutes of a spot interruption"
  type        = number
  default     = 90

  validation {
    condition     = var.drain_seconds >= 10 && var.drain_seconds <= 110
    error_message = "It must be between 10 and 110 seconds."
  }
}

variable "root_volume_gib" {
  description = "Size of the root volume"
  type        = number
  default     = 30
}

# --- Planner and finalizer ----------------------------------------------------------------------

variable "task_cpu" {
  description = "CPU units of the planner's and finalizer's tasks (Fargate)"
  type        = number
  default     = 1024
}

variable "task_memory" {
  description = "Memory of the planner's and finalizer's tasks, MiB (Fargate)"
  type        = number
  default     = 4096
}

variable "task_architecture" {
  description = "CPU architecture of the image: X86_64 or ARM64"
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.task_architecture)
    error_message = "It must be X86_64 or ARM64."
  }
}

# --- Surroundings -------------------------------------------------------------------------------

variable "s3_endpoint_route_table_ids" {
  description = "Route tables that get a gateway endpoint for S3; empty for none"
  type        = list(string)
  default     = []
}

variable "interface_endpoints" {
  description = "AWS services that get an interface endpoint in the subnets, like sqs, logs, ecr.api, ecr.dkr, autoscaling, secretsmanager; empty for none"
  type        = list(string)
  default     = []
}

variable "alarm_actions" {
  description = "ARNs that are told about alarms, like an SNS topic"
  type        = list(string)
  default     = []
}

variable "stalled_minutes" {
  description = "Age of the oldest waiting job at which an alarm goes off, minutes"
  type        = number
  default     = 60
}

variable "log_retention_days" {
  description = "Days that logs are kept"
  type        = number
  default     = 30
}

variable "tags" {
  description = "Tags of all resources"
  type        = map(string)
  default     = {}
}
