# Planner and finalizer: Fargate tasks that are run once each, by hand or by a pipeline (see the outputs).
# Running one again is safe: a plan that is in the ledger is resumed, and an outcome that is decided stands.

locals {
  # `thunderhead` reads its configuration from a file; the definition carries it in the environment.
  task_entry = ["/bin/sh", "-c", "printf '%s' \"$CONFIG_TOML\" > /tmp/thunderhead.toml && exec thunderhead \"$@\"", "thunderhead"]

  target_arguments = concat(
    ["--tidb-host", var.tidb_host, "--tidb-port", tostring(var.tidb_port)],
    ["--tidb-status", tostring(var.tidb_status_port), "--tidb-user", var.tidb_user],
    length(var.pd_endpoints) > 0 ? ["--pd-urls", join(",", var.pd_endpoints)] : [],
  )
  task_commands = {
    planner   = concat(["plan", "--config", "/tmp/thunderhead.toml", "--source", local.source_url], local.target_arguments)
    finalizer = concat(["finalize", "--config", "/tmp/thunderhead.toml"], local.target_arguments)
  }
}

resource "aws_ecs_cluster" "this" {
  name = var.name
  tags = local.tags
}

resource "aws_ecs_task_definition" "task" {
  for_each = local.task_commands

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.task_cpu
  memory                   = var.task_memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.service[each.key].arn
  tags                     = local.tags

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.task_architecture
  }

  container_definitions = jsonencode([{
    name       = each.key
    image      = var.image
    essential  = true
    entryPoint = local.task_entry
    command    = each.value
    environment = [
      for key in sort(keys(merge(local.environment, { CONFIG_TOML = "" }))) :
      { name = key, value = merge(local.environment, { CONFIG_TOML = var.config_toml })[key] }
    ]
    secrets = var.tidb_password_secret_arn == null ? [] : [
      { name = "TIDB_PASSWORD", valueFrom = var.tidb_password_secret_arn }
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.this.name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = each.key
      }
    }
  }])
}
