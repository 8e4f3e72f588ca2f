use super::*;

fn file_with(content: &[u8]) -> (tempfile::TempDir, SecretSource) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, content).unwrap();
    (folder, SecretSource::File(path))
}

#[test]
fn a_secret_prints_nothing() {
    let secret = Secret::new("hunter2".to_owned());
    assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
}

#[test]
fn a_file_is_read_without_its_last_newline() {
    for (content, expected) in [("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), ("two\nlines\n\n", "two\nlines\n")] {
        let (_folder, source) = file_with(content.as_bytes());
        assert_eq!(source.resolve(&Redactor::default()).unwrap().expose(), expected);
    }
}

#[test]
fn what_is_no_secret_is_refused_by_name_of_the_source() {
    let (_folder, full) = file_with(&vec![b'x'; MAX_BYTES]);
    assert!(full.resolve(&Redactor::default()).is_ok());
    let (_folder, long) = file_with(&vec![b'x'; MAX_BYTES + 1]);
    assert!(matches!(long.resolve(&Redactor::default()), Err(SecretError::TooLong(_))));
    let (_folder, empty) = file_with(b"\n");
    assert!(matches!(empty.resolve(&Redactor::default()), Err(SecretError::Empty(_))));
    let (_folder, binary) = file_with(b"\xff\xfe");
    assert!(matches!(binary.resolve(&Redactor::default()), Err(SecretError::NotText(_))));
    let (folder, gone) = file_with(b"x");
    drop(folder);
    assert!(matches!(gone.resolve(&Redactor::default()), Err(SecretError::Unreadable { .. })));
    let missing = SecretSource::Env("MUSTER_TEST_NOT_SET".to_owned()).resolve(&Redactor::default()).unwrap_err();
    assert!(missing.to_string().contains("`MUSTER_TEST_NOT_SET` is not set"), "{missing}");
}

#[test]
fn the_environment_is_read_when_needed() {
    // Cargo sets it for every test.
    let redactor = Redactor::default();
    let secret = SecretSource::Env("CARGO_MANIFEST_DIR".to_owned()).resolve(&redactor).unwrap();
    assert_eq!(secret.expose(), env!("CARGO_MANIFEST_DIR"));
    assert_eq!(redactor.redact(concat!("in ", env!("CARGO_MANIFEST_DIR"), "/src")), "in ***/src");
}

#[test]
fn a_source_is_written_as_it_is_read() {
    for text in [r#"{"env":"TOKEN"}"#, r#"{"file":"/run/secrets/token"}"#] {
        let source: SecretSource = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&source).unwrap(), text);
    }
    let yaml: SecretSource = serde_yaml::from_value(serde_yaml::from_str("env: TOKEN").unwrap()).unwrap();
    assert_eq!(yaml, SecretSource::Env("TOKEN".to_owned()));
}

#[test]
fn anything_else_is_no_source_and_is_not_repeated() {
    let error = |text: &str| serde_json::from_str::<SecretSource>(text).unwrap_err().to_string();
    assert!(error(r#"{"env":"A","file":"B"}"#).contains("either `env` or `file`"));
    assert!(error(r#"{"vault":"A"}"#).contains("unknown field `vault`"));
    assert!(error("{}").contains("{ env: NAME }"));
    assert!(error(r#"{"env":"A=B"}"#).contains("name of an environment variable"));
    let plain = error(r#""hunter2""#);
    assert!(plain.contains("never written here") && !plain.contains("hunter2"), "{plain}");
}

#[test]
fn every_form_of_a_secret_is_taken_out() {
    let redactor = Redactor::default();
    redactor.learn(&Secret::new("p@ss \"word\"".to_owned()));
    for form in [
        "p@ss \"word\"",
        "p%40ss%20%22word%22",
        r#"p@ss \"word\""#,
        // base64 of the secret itself.
        "cEBzcyAid29yZCI",
    ] {
        assert_eq!(redactor.redact(&format!("<{form}>")), "<***>", "{form}");
    }
    // As the password of `Authorization: Basic`, base64 of `me:SECRET`: at most the characters at the seams remain.
    let basic = redactor.redact("Basic bWU6cEBzcyAid29yZCI=").into_owned();
    assert_eq!(basic, "Basic bWU6***=");
}

#[test]
fn a_text_without_a_secret_is_not_copied() {
    let redactor = Redactor::default();
    redactor.learn(&Secret::new("abc".to_owned()));
    assert!(matches!(redactor.redact("abcdef"), Cow::Borrowed("abcdef")), "three bytes are too few to look for");
    redactor.learn(&Secret::new("wxyz".to_owned()));
    assert!(matches!(redactor.redact("abcdef"), Cow::Borrowed(_)));
}

#[test]
fn secrets_that_overlap_leave_nothing_over() {
    let redactor = Redactor::default();
    redactor.learn(&Secret::new("abcdef".to_owned()));
    redactor.learn(&Secret::new("defghi".to_owned()));
    redactor.learn(&Secret::new("abcdefgh".to_owned()));
    assert_eq!(redactor.redact("<abcdefghi> <defghi>"), "<***> <***>");
}

#[test]
fn clones_share_what_they_know() {
    let redactor = Redactor::default();
    let clone = redactor.clone();
    redactor.learn(&Secret::new("-----BEGIN KEY-----\nMIIBVgIBADANBgkq\n".to_owned()));
    assert_eq!(clone.redact("line MIIBVgIBADANBgkq of a key"), "line *** of a key");
}
