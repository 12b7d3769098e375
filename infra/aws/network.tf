# Nothing comes in. Out go HTTPS (S3, SQS, logs, the image's registry, packages) and the target's ports.

locals {
  # Workers speak to PD and TiKV; planner and finalizer speak to TiDB as well.
  worker_ports = toset([for port in var.target_ports : tostring(port)])
  task_ports   = toset([for port in concat(var.target_ports, [var.tidb_port, var.tidb_status_port]) : tostring(port)])

  groups = {
    worker = { id = aws_security_group.worker.id, ports = local.worker_ports }
    task   = { id = aws_security_group.task.id, ports = local.task_ports }
  }
  to_cidr = merge([for name, group in local.groups : {
    for pair in setproduct(group.ports, toset(var.target_cidr_blocks)) :
    "${name}-${pair[0]}-${pair[1]}" => { name = name, port = tonumber(pair[0]), cidr = pair[1] }
  }]...)
  to_group = var.target_security_group_id == null ? {} : merge([for name, group in local.groups : {
    for port in group.ports : "${name}-${port}" => { name = name, port = tonumber(port) }
  }]...)
}

resource "aws_security_group" "worker" {
  name        = "${var.name}-worker"
  description = "Thunderhead workers"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = "${var.name}-worker" })
}

resource "aws_security_group" "task" {
  name        = "${var.name}-task"
  description = "Thunderhead planner and finalizer"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = "${var.name}-task" })
}

resource "aws_vpc_security_group_egress_rule" "https" {
  for_each = local.groups

  security_group_id = each.value.id
  description       = "AWS services, registry, packages"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  tags              = local.tags
}

resource "aws_vpc_security_group_egress_rule" "target_cidr" {
  for_each = local.to_cidr

  security_group_id = local.groups[each.value.name].id
  description       = "target cluster"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  tags              = local.tags
}

resource "aws_vpc_security_group_egress_rule" "target_group" {
  for_each = local.to_group

  security_group_id            = local.groups[each.value.name].id
  description                  = "target cluster"
  referenced_security_group_id = var.target_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  tags                         = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "target_group" {
  for_each = local.to_group

  security_group_id            = var.target_security_group_id
  description                  = "Thunderhead ${each.value.name}"
  referenced_security_group_id = local.groups[each.value.name].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  tags                         = local.tags
}

# --- Endpoints, for subnets without a way out ----------------------------------------------------

resource "aws_vpc_endpoint" "s3" {
  count = length(var.s3_endpoint_route_table_ids) > 0 ? 1 : 0

  vpc_id            = var.vpc_id
  service_name      = "com.amazonaws.${local.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = var.s3_endpoint_route_table_ids
  tags              = merge(local.tags, { Name = "${var.name}-s3" })
}

resource "aws_security_group" "endpoint" {
  count = length(var.interface_endpoints) > 0 ? 1 : 0

  name        = "${var.name}-endpoint"
  description = "Interface endpoints for Thunderhead"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = "${var.name}-endpoint" })
}

resource "aws_vpc_security_group_ingress_rule" "endpoint" {
  for_each = length(var.interface_endpoints) > 0 ? local.groups : {}

  security_group_id            = aws_security_group.endpoint[0].id
  description                  = "Thunderhead ${each.key}"
  referenced_security_group_id = each.value.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  tags                         = local.tags
}

resource "aws_vpc_endpoint" "interface" {
  for_each = toset(var.interface_endpoints)

  vpc_id              = var.vpc_id
  service_name        = "com.amazonaws.${local.region}.${each.value}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = var.subnet_ids
  security_group_ids  = [aws_security_group.endpoint[0].id]
  private_dns_enabled = true
  tags                = merge(local.tags, { Name = "${var.name}-${each.value}" })
}
