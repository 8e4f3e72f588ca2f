use super::*;

/// Every control that the product promises, by its id.
const PROMISED: [&str; 38] = [
    "soc2:A1.2",
    "soc2:A1.3",
    "soc2:CC7.5",
    "iso27001:A.5.29",
    "iso27001:A.5.30",
    "iso27001:A.8.13",
    "iso27001:A.8.14",
    "iso22301:8.5",
    "nist-800-53:CP-2",
    "nist-800-53:CP-4",
    "nist-800-53:CP-4(1)",
    "nist-800-53:CP-4(2)",
    "nist-800-53:CP-4(3)",
    "nist-800-53:CP-4(4)",
    "nist-800-53:CP-4(5)",
    "nist-800-53:CP-6",
    "nist-800-53:CP-7",
    "nist-800-53:CP-9",
    "nist-800-53:CP-10",
    "pci-dss:12.10.2",
    "hipaa:164.308(a)(7)(ii)(A)",
    "hipaa:164.308(a)(7)(ii)(B)",
    "hipaa:164.308(a)(7)(ii)(C)",
    "hipaa:164.308(a)(7)(ii)(D)",
    "hipaa:164.308(a)(7)(ii)(E)",
    "dora:11",
    "dora:11.2",
    "dora:11.4",
    "dora:11.6",
    "dora:11.8",
    "dora:12",
    "dora:12.2",
    "dora:12.4",
    "dora:12.6",
    "dora:12.7",
    "rts-2024-1774:24",
    "rts-2024-1774:25",
    "rts-2024-1774:26",
];

#[test]
fn every_own_file_reads_without_a_word_of_complaint() {
    for (prefix, text) in OWN {
        let parsed = parse(prefix, text.as_bytes());
        let mut diagnostics = parsed.diagnostics;
        let found = controls(&parsed.node.unwrap(), None, &mut diagnostics);
        assert_eq!(diagnostics, [], "{prefix}");
        assert!(found.iter().all(|control| control.id.starts_with(&format!("{prefix}:"))));
    }
}

#[test]
fn every_control_that_is_promised_is_there_and_says_what_it_can_and_cannot() {
    for id in PROMISED {
        let control = find(id).unwrap_or_else(|| panic!("{id} is missing"));
        for text in [&control.title, &control.asks, &control.can, &control.cannot] {
            assert!(text.len() > 10, "{id}: {text}");
        }
        assert!(!control.rests_on.is_empty(), "{id}");
        assert!(control.rests_on.iter().all(|it| !control.adds.contains(it)), "{id} names one thing twice");
    }
    assert_eq!(all().len(), PROMISED.len());
}

#[test]
fn what_a_control_rests_on_is_what_it_is_about() {
    let rests_on = |id: &str| find(id).unwrap().rests_on;
    assert!(rests_on("nist-800-53:CP-4(4)").contains(&Showing::Returned));
    assert!(rests_on("nist-800-53:CP-9").contains(&Showing::BackupsLooked));
    assert!(rests_on("dora:12.2").contains(&Showing::BackupRestored));
    assert!(rests_on("nist-800-53:CP-4(5)").contains(&Showing::SuddenLoss));
    assert!(rests_on("nist-800-53:CP-4(2)").contains(&Showing::ServedElsewhere));
}

#[test]
fn a_slip_is_told_from_what_was_meant() {
    for (written, id) in [
        ("soc2:A1.4", "soc2:A1.2"),
        ("nist-800-53:CP4(2)", "nist-800-53:CP-4(2)"),
        ("nist:CP-4(4)", "nist-800-53:CP-4(4)"),
        ("dora:11(6)", "dora:11.6"),
        ("iso27001:5.30", "iso27001:A.5.30"),
    ] {
        assert_eq!(meant(written, &[]).as_deref(), Some(id), "{written}");
    }
    assert_eq!(meant("something:else-altogether", &[]), None);
}

fn read_text(text: &str) -> (Vec<Control>, Vec<String>) {
    let mut diagnostics = Vec::new();
    let found = read(&parse("own.yaml", text.as_bytes()).node.unwrap(), "own.yaml", &mut diagnostics);
    (found, diagnostics.iter().map(|it| format!("{} {}", it.code, it.message)).collect())
}

#[test]
fn a_team_s_catalogue_is_read_in_the_same_form() {
    let (found, problems) = read_text(
        "muster: 1\nprefix: acme\nstandard: ACME resilience policy\ncontrols:\n  R-1:\n    title: Yearly failover\n    \
         asks: Fail over once a year.\n    can: That it was done.\n    cannot: That it is done each year.\n    rests_on: \
         [switched-over]\n",
    );
    assert_eq!(problems, [""; 0]);
    assert_eq!((found[0].id.as_str(), found[0].from.as_deref()), ("acme:R-1", Some("own.yaml")));
}

#[test]
fn a_catalogue_neither_claims_nor_overrides() {
    let (_, problems) = read_text(
        "muster: 1\nprefix: soc2\nstandard: x\ncontrols:\n  R-1: { title: t, asks: a, can: Shows that we are compliant, \
         cannot: n, rests_on: [] }\n",
    );
    assert_eq!(
        problems,
        [
            "M126 the prefix `soc2` is that of a standard in Muster's own catalogue",
            "M127 a control's text says `compliant`",
            "M126 a control rests on nothing, so every run would be evidence for it",
        ]
    );
}
