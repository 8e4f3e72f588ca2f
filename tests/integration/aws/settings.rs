//! What can be known of an AWS infrastructure file without asking anybody.

use crate::harness::Scene;

const SHIPPED: &str = "playbooks/quarterly-failover.yaml --infra playbooks/infra/aws.yaml";

#[test]
fn the_shipped_infrastructure_file_is_right_in_every_mode_and_can_be_rehearsed() {
    let scene = Scene::new().shipped("playbooks");
    for mode in ["planned", "unplanned", "emergency"] {
        let seen = scene.types(&format!("validate {SHIPPED} --mode {mode}")).exits(0);
        assert!(!format!("{seen}").contains("M148"), "it needs no control plane of the region that is lost: {seen}");
        assert!(!format!("{seen}").contains("warning"), "nothing is to be told of a file that is an example: {seen}");
    }
    let seen = scene.types(&format!("simulate {SHIPPED} --mode planned --seed 1"));
    assert!(seen.code != 2, "{seen}");
}

#[test]
fn the_policy_of_the_shipped_file_is_by_thing_and_lets_a_plan_change_nothing() {
    let scene = Scene::new().shipped("playbooks");
    let all = scene.types(&format!("aws-policy {SHIPPED} --mode unplanned")).exits(0).json();
    let statements = |whom: &str| all[whom]["123456789012"]["Statement"].as_array().unwrap().clone();
    let actions = |whom: &str| -> Vec<String> {
        let of = |one: &serde_json::Value| {
            one["Action"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        statements(whom).iter().flat_map(of).collect()
    };
    // Whoever takes on the role must be allowed to; that changes nothing.
    assert!(
        actions("plan").contains(&"sts:AssumeRole".to_owned()) && actions("run").contains(&"sts:AssumeRole".to_owned())
    );
    for action in actions("plan").iter().filter(|action| *action != "sts:AssumeRole") {
        let name = action.split(':').nth(1).unwrap().to_owned();
        assert!(name.starts_with("Describe") || name.starts_with("Get") || name.starts_with("List"), "{action}");
    }
    let run = actions("run");
    for action in [
        "autoscaling:SetDesiredCapacity",
        "ec2:ReplaceNetworkAclAssociation",
        "rds:FailoverGlobalCluster",
        "route53-recovery-cluster:UpdateRoutingControlStates",
    ] {
        assert!(run.iter().any(|one| one == action), "{action} in {run:?}");
    }
    let capacity =
        statements("run").into_iter().find(|one| one["Action"].to_string().contains("SetDesiredCapacity")).unwrap();
    assert!(capacity["Resource"].to_string().contains("autoScalingGroupName/web-usw2"), "{capacity}");
    assert!(!run.iter().any(|one| one.starts_with("route53:ChangeResourceRecordSets")), "no zone is changed: {run:?}");
}

#[test]
fn a_restore_of_what_is_encrypted_needs_the_stated_key() {
    let scene = Scene::new().shipped("playbooks");
    scene.write(
        "playbooks/restore.yaml",
        "muster: 1\nname: restore\ninfrastructure: infra/aws.yaml\nphases:\n  - name: prechecks\n    steps:\n      \
         - { id: restore, backup.restore: { backup: snapshots, in: secondary } }\n",
    );
    let all = scene.types("aws-policy playbooks/restore.yaml --mode planned").exits(0).json();
    let statements = all["run"]["123456789012"]["Statement"].as_array().unwrap().clone();
    let keys: Vec<_> = statements.iter().filter(|one| one["Action"].to_string().contains("kms:CreateGrant")).collect();
    let things: Vec<String> = keys.iter().map(|one| one["Resource"].to_string()).collect();
    assert!(
        things.iter().any(|it| it.contains("us-west-2:123456789012:key/66666666-7777-8888-9999-000000000000")),
        "{things:?}"
    );
    for action in ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom"] {
        assert!(keys[0]["Action"].to_string().contains(action), "{action}: {keys:?}");
    }
    assert!(!all["plan"].to_string().contains("kms:"), "a plan restores nothing");
}

#[test]
fn starting_instances_needs_a_grant_for_the_keys_of_their_volumes_that_only_ec2_gets() {
    let scene = Scene::new().shipped("playbooks");
    let text = scene.read("playbooks/infra/aws.yaml");
    let by_id = text.replace("{ auto_scaling_group: web-usw2 }", "{ instances: [i-0a1b2c3d4e5f60001] }");
    assert_ne!(by_id, text);
    scene.write("playbooks/infra/aws.yaml", &by_id);
    let all = scene.types(&format!("aws-policy {SHIPPED} --mode planned")).exits(0).json();
    let statements = all["run"]["123456789012"]["Statement"].as_array().unwrap().clone();
    let grant = statements.iter().find(|one| one["Sid"] == "OnlyForVolumesEncryptedWithACustomerKey").unwrap();
    assert_eq!(grant["Action"], serde_json::json!(["kms:CreateGrant"]));
    assert_eq!(grant["Resource"], serde_json::json!(["arn:aws:kms:us-west-2:123456789012:key/*"]));
    assert_eq!(grant["Condition"]["Bool"]["kms:GrantIsForAWSResource"], "true");
    assert!(!all["plan"].to_string().contains("kms:"), "a plan starts nothing");
    // An Auto Scaling group launches its servers with a role of its own.
    scene.write("playbooks/infra/aws.yaml", &text);
    let all = scene.types(&format!("aws-policy {SHIPPED} --mode planned")).exits(0).json();
    assert!(!all["run"].to_string().contains("OnlyForVolumes"), "{all}");
}

#[test]
fn the_commands_in_the_shipped_files_comment_do_what_they_say_from_the_repositorys_root() {
    let scene = Scene::new().shipped("playbooks");
    let text = scene.read("playbooks/infra/aws.yaml");
    let commands = text.lines().filter_map(|line| line.strip_prefix("#     muster "));
    // Behind the file's name each says what it is for.
    let commands: Vec<String> =
        commands.filter_map(|line| line.split_once("aws.yaml")).map(|(typed, _)| format!("{typed}aws.yaml")).collect();
    assert_eq!(commands.len(), 4, "{commands:?}");
    for command in &commands {
        assert!(command.ends_with(" --infra playbooks/infra/aws.yaml"), "{command}");
        // The other two ask AWS.
        if command.starts_with("validate") || command.starts_with("aws-policy") {
            scene.types(command).exits(0);
        }
    }
}

/// The shipped file with `code` in a hosted zone.
fn by_zone(scene: &Scene) {
    let text = scene.read("playbooks/infra/aws.yaml");
    let (before, rest) = text.split_once("      by: routing_controls\n").unwrap();
    let (_, after) = rest.split_once("      targets:").unwrap();
    scene.write("playbooks/infra/aws.yaml", &format!("{before}      targets:{after}"));
}

#[test]
fn a_zones_change_is_refused_between_disaster_and_verification_and_warned_of_elsewhere() {
    let scene = Scene::new().shipped("playbooks");
    by_zone(&scene);
    let seen = scene.types(&format!("validate {SHIPPED} --mode unplanned")).exits(2);
    let all = format!("{seen}");
    assert!(all.contains("error[M148]") && all.contains("lost here") && all.contains("`routing_controls`"), "{all}");
    let seen = scene.types(&format!("validate {SHIPPED} --mode planned")).exits(0);
    assert!(format!("{seen}").contains("warning[M148]"), "{seen}");
    // Where another region is failed away from, it is none of its business.
    let text = scene.read("playbooks/infra/aws.yaml");
    let turned = text.replace("name: us-east-1", "name: eu-west-1").replace("us-east-1a", "eu-west-1a");
    scene.write("playbooks/infra/aws.yaml", &turned);
    let seen = scene.types(&format!("validate {SHIPPED} --mode unplanned")).exits(0);
    assert!(!format!("{seen}").contains("M148"), "{seen}");
}

#[test]
fn what_is_wrong_with_the_settings_is_told_at_its_place() {
    let scene = Scene::new().shipped("playbooks");
    let text = scene.read("playbooks/infra/aws.yaml");
    for (right, wrong, told) in [
        ("account: \"123456789012\"\n    profile", "account: \"1234\"\n    profile", "`1234` is no account"),
        (
            "arn:aws:iam::123456789012:role/muster-drill\"   #",
            "arn:aws:iam::999999999999:role/muster-drill\"   #",
            "the role is not in the account",
        ),
        ("[subnet-0a1b2c3d4e5f60001,", "[sg-0a1b2c3d4e5f60001,", "`sg-0a1b2c3d4e5f60001` is no id of this kind"),
        (
            "zone: Z0123456789ABCDEFGHIJ\n      by: routing",
            "zone: example.com\n      by: routing",
            "`example.com` is no id of a hosted zone",
        ),
        ("      by: routing_controls\n", "", "the switch does not go by routing controls"),
        ("      kind: global\n      name: code-host\n", "      kind: global\n", "the name of the whole is not said"),
        (
            "{ auto_scaling_group: web-use1 }",
            "{ auto_scaling_group: web-use1, instances: [i-0a1b2c3d] }",
            "2 of `instances`",
        ),
        (
            "          zone: us-east-1a            # where a restore test makes its scratch volume\n",
            "",
            "where a scratch volume is to be",
        ),
        ("    provider: aws\n    account", "    provider: process\n    account", "M146"),
    ] {
        let broken = text.replacen(right, wrong, 1);
        assert_ne!(broken, text, "{right}");
        scene.write("playbooks/infra/aws.yaml", &broken);
        let seen = scene.types(&format!("validate {SHIPPED}")).exits(2);
        assert!(format!("{seen}").contains(told), "{told}: {seen}");
    }
}
