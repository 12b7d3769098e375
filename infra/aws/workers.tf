# Spot instances with local NVMe. Their number follows the backlog (scaling.tf); what they run is in
# templates/worker.sh.tftpl.

locals {
  user_data = templatefile("${path.module}/templates/worker.sh.tftpl", {
    name          = var.name
    group         = "${var.name}-worker"
    hook          = local.drain_hook
    region        = local.region
    image         = var.image
    registry      = length(var.image_repository_arns) > 0 ? split("/", var.image)[0] : ""
    log_group     = aws_cloudwatch_log_group.this.name
    config        = var.config_toml
    environment   = local.environment
    pd_endpoints  = join(",", var.pd_endpoints)
    concurrency   = var.concurrency
    drain_seconds = var.drain_seconds
  })
  drain_hook = "drain"
}

resource "aws_launch_template" "worker" {
  name_prefix            = "${var.name}-worker-"
  image_id               = var.ami
  instance_type          = var.instance_types[0]
  update_default_version = true
  user_data              = base64encode(local.user_data)
  vpc_security_group_ids = [aws_security_group.worker.id]
  tags                   = local.tags

  iam_instance_profile {
    arn = aws_iam_instance_profile.worker.arn
  }

  # Containers share the host's network, so one hop is enough.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  monitoring {
    enabled = true
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_size           = var.root_volume_gib
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])

    content {
      resource_type = tag_specifications.value
      tags          = merge(local.tags, { Name = "${var.name}-worker" })
    }
  }
}

resource "aws_autoscaling_group" "worker" {
  name                = "${var.name}-worker"
  min_size            = 0
  max_size            = var.max_workers
  vpc_zone_identifier = var.subnet_ids
  health_check_type   = "EC2"
  # Pulling the image and preparing the disks.
  health_check_grace_period = 300
  default_instance_warmup   = 180
  capacity_rebalance        = true
  wait_for_capacity_timeout = "0"
  metrics_granularity       = "1Minute"
  enabled_metrics           = ["GroupDesiredCapacity", "GroupInServiceInstances"]

  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = var.on_demand_base
      on_demand_percentage_above_base_capacity = var.on_demand_percentage
      on_demand_allocation_strategy            = "lowest-price"
      spot_allocation_strategy                 = "price-capacity-optimized"
    }

    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.worker.id
        version            = "$Latest"
      }

      dynamic "override" {
        for_each = var.instance_types

        content {
          instance_type = override.value
        }
      }
    }
  }

  # A worker that must go gets the time to give its jobs back. The worker completes the action itself; when
  # it cannot, the instance goes anyway and its jobs come back by the queue's visibility timeout.
  initial_lifecycle_hook {
    name                 = local.drain_hook
    lifecycle_transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    heartbeat_timeout    = var.drain_seconds + 60
    default_result       = "CONTINUE"
  }

  dynamic "tag" {
    for_each = merge(local.tags, { Name = "${var.name}-worker" })

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  lifecycle {
    # The backlog decides.
    ignore_changes = [desired_capacity]
  }
}
