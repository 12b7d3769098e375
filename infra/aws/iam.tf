# Each service may do what it does and no more. Nobody may delete an object: a ledger is written once.
#
#   planner    lists and reads the dump; writes the ledger; sends messages
#   worker     reads the dump; reads and writes the ledger; receives, hides and deletes messages
#   finalizer  reads and writes the ledger; counts messages

locals {
  services = toset(["planner", "worker", "finalizer"])
  trusted  = { planner = "ecs-tasks", worker = "ec2", finalizer = "ecs-tasks" }
}

data "aws_iam_policy_document" "trust" {
  for_each = toset(["ec2", "ecs-tasks"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.value}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "service" {
  for_each = local.services

  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust[local.trusted[each.key]].json
  tags               = local.tags
}

resource "aws_iam_instance_profile" "worker" {
  name = "${var.name}-worker"
  role = aws_iam_role.service["worker"].name
  tags = local.tags
}

data "aws_iam_policy_document" "service" {
  for_each = local.services

  statement {
    sid       = "ListLedger"
    actions   = ["s3:ListBucket"]
    resources = [local.ledger_bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${var.ledger_prefix}/*"]
    }
  }

  statement {
    sid       = "Ledger"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = [local.ledger_objects]
  }

  dynamic "statement" {
    for_each = each.key == "planner" ? [1] : []

    content {
      sid       = "ListDump"
      actions   = ["s3:ListBucket"]
      resources = [local.source_bucket_arn]

      dynamic "condition" {
        for_each = var.source_prefix == "" ? [] : [1]

        content {
          test     = "StringLike"
          variable = "s3:prefix"
          values   = [var.source_prefix, "${var.source_prefix}/*"]
        }
      }
    }
  }

  dynamic "statement" {
    for_each = each.key == "finalizer" ? [] : [1]

    content {
      sid       = "ReadDump"
      actions   = ["s3:GetObject"]
      resources = [local.source_objects]
    }
  }

  statement {
    sid = "Queue"
    actions = {
      planner   = ["sqs:SendMessage"]
      worker    = ["sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"]
      finalizer = ["sqs:GetQueueAttributes"]
    }[each.key]
    resources = [aws_sqs_queue.jobs.arn]
  }

  dynamic "statement" {
    for_each = each.key == "finalizer" ? [1] : []

    content {
      sid       = "DeadLetters"
      actions   = ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"]
      resources = [aws_sqs_queue.dead.arn]
    }
  }

  dynamic "statement" {
    for_each = length(var.kms_key_arns) > 0 ? [1] : []

    content {
      sid       = "Keys"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = var.kms_key_arns
    }
  }
}

resource "aws_iam_role_policy" "service" {
  for_each = local.services

  name   = "thunderhead"
  role   = aws_iam_role.service[each.key].id
  policy = data.aws_iam_policy_document.service[each.key].json
}

# --- What the machines need around the services --------------------------------------------------

# Pulling the image and writing logs: instances, and the agent that starts tasks.
data "aws_iam_policy_document" "runtime" {
  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  dynamic "statement" {
    for_each = length(var.image_repository_arns) > 0 ? [1] : []

    content {
      sid       = "RegistryLogin"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"]
    }
  }

  dynamic "statement" {
    for_each = length(var.image_repository_arns) > 0 ? [1] : []

    content {
      sid       = "Pull"
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = var.image_repository_arns
    }
  }
}

resource "aws_iam_role_policy" "worker_runtime" {
  name   = "runtime"
  role   = aws_iam_role.service["worker"].id
  policy = data.aws_iam_policy_document.runtime.json
}

# A worker leaves its group by itself when the import is over, and says when it has drained.
data "aws_iam_policy_document" "worker_group" {
  statement {
    sid       = "LeaveGroup"
    actions   = ["autoscaling:CompleteLifecycleAction", "autoscaling:TerminateInstanceInAutoScalingGroup"]
    resources = [aws_autoscaling_group.worker.arn]
  }
}

resource "aws_iam_role_policy" "worker_group" {
  name   = "group"
  role   = aws_iam_role.service["worker"].id
  policy = data.aws_iam_policy_document.worker_group.json
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  assume_role_policy = data.aws_iam_policy_document.trust["ecs-tasks"].json
  tags               = local.tags
}

resource "aws_iam_role_policy" "execution_runtime" {
  name   = "runtime"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.runtime.json
}

data "aws_iam_policy_document" "execution_secret" {
  count = var.tidb_password_secret_arn == null ? 0 : 1

  statement {
    sid       = "Password"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.tidb_password_secret_arn]
  }
}

resource "aws_iam_role_policy" "execution_secret" {
  count = var.tidb_password_secret_arn == null ? 0 : 1

  name   = "secret"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution_secret[0].json
}
