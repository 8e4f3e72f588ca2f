use tar::{Builder, EntryType, Header};

use super::*;

fn files() -> Files {
    Files::from([("a.txt".to_owned(), b"a".to_vec()), ("reports/b.md".to_owned(), vec![b'b'; 700])])
}

/// A tar of these entries, whatever they are.
fn tar(entries: &[(&str, EntryType, &str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, kind, link, content) in entries {
        let mut header = Header::new_ustar();
        // Past what the crate itself would refuse.
        header.as_ustar_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_ustar_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn what_was_sealed_opens_as_it_was() {
    let bytes = seal("run", files(), |_| Ok(None)).unwrap();
    let unpacked = open(&bytes).unwrap();
    assert_eq!((unpacked.top.as_str(), &unpacked.files, unpacked.signature), ("run", &files(), None));
    assert_eq!(bytes, seal("run", files(), |_| Ok(None)).unwrap());
}

#[test]
fn nothing_in_a_tar_leads_elsewhere() {
    let file = EntryType::Regular;
    for (path, kind, link) in [
        ("../run/a", file, ""),
        ("run/../../a", file, ""),
        ("/run/a", file, ""),
        ("run//a", file, ""),
        ("run/./a", file, ""),
        ("run/a\u{1}", file, ""),
        ("run/a b", file, ""),
        ("run\\a", file, ""),
        ("a", file, ""),
        ("run/", file, ""),
        ("run/a", EntryType::Symlink, "/etc/passwd"),
        ("run/a", EntryType::Link, "run/b"),
        ("run/a", EntryType::Directory, ""),
        ("run/a", EntryType::Char, ""),
        ("run/a", EntryType::Fifo, ""),
        ("run/a", EntryType::GNULongName, ""),
        ("run/a", EntryType::XHeader, ""),
        ("run/a", EntryType::GNUSparse, ""),
    ] {
        let why = unpack(&tar(&[(path, kind, link, b"")])).unwrap_err();
        assert!(!why.0.is_empty(), "{path}");
    }
}

#[test]
fn no_file_stands_twice_or_in_another_folder() {
    let file = EntryType::Regular;
    let twice = tar(&[("run/a", file, "", b"1"), ("run/a", file, "", b"2")]);
    assert!(unpack(&twice).unwrap_err().0.contains("twice"));
    let elsewhere = tar(&[("run/a", file, "", b"1"), ("other/a", file, "", b"2")]);
    assert!(unpack(&elsewhere).unwrap_err().0.contains("another folder"));
}

#[test]
fn a_size_is_believed_only_as_far_as_there_are_bytes() {
    for size in [2_u64, 513, 1 << 33, 8_589_934_591, u64::MAX / 2, u64::MAX] {
        let mut bytes = tar(&[("run/a", EntryType::Regular, "", b"1")]);
        let mut header = Header::from_byte_slice(&bytes[..512]).clone();
        header.set_size(size);
        header.set_cksum();
        bytes[..512].copy_from_slice(header.as_bytes());
        assert!(open(&bytes).is_err(), "{size}");
        assert!(open(&bytes[..600]).is_err(), "{size}");
    }
}

#[test]
fn what_is_no_tar_is_told_so() {
    for bytes in [&b""[..], b"not a tar", &[0; 512], &[0; 4096], &[255; 2048]] {
        assert!(unpack(bytes).is_err());
    }
}

#[test]
fn what_hides_behind_the_end_or_in_a_header_is_found() {
    let bytes = seal("run", files(), |_| Ok(None)).unwrap();
    let mut behind = bytes.clone();
    behind.extend_from_slice(&tar(&[("run/hidden", EntryType::Regular, "", b"x")]));
    assert!(open(&behind).is_err());
    // The owner's name: read by nobody, written by nobody.
    let mut named = bytes.clone();
    let mut header = Header::from_byte_slice(&named[..512]).clone();
    header.set_username("somebody").unwrap();
    header.set_cksum();
    named[..512].copy_from_slice(header.as_bytes());
    assert!(open(&named).unwrap_err().0.contains("changed"));
}

#[test]
fn a_manifest_is_exactly_that_of_the_files() {
    let manifest = manifest(&files());
    assert_eq!(
        manifest.lines().next(),
        Some("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a.txt")
    );
    let with = |manifest: &str| {
        let mut files = files();
        files.insert(MANIFEST.to_owned(), manifest.as_bytes().to_vec());
        open(&pack("run", &files).unwrap()).map(|_| ())
    };
    with(&manifest).unwrap();
    for wrong in [
        String::new(),
        manifest.trim_end().to_owned(),
        format!("{manifest}{}  more\n", "0".repeat(64)),
        manifest.replace("  a.txt", "  A.txt"),
        manifest.to_uppercase(),
        manifest.lines().rev().collect::<Vec<_>>().join("\n"),
        manifest.replace("  ", " *"),
    ] {
        assert!(with(&wrong).is_err(), "{wrong}");
    }
    assert!(open(&pack("run", &files()).unwrap()).unwrap_err().0.contains(MANIFEST));
}

#[test]
fn keys_that_cannot_sign_say_why() {
    let told = |key: &str| sign(key.as_bytes(), b"x").unwrap_err();
    assert!(told("").contains("no private key"));
    assert!(told("-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n").contains("no private key"));
    assert!(told(include_str!("tests_encrypted_key")).contains("encrypted, and Muster asks for no passphrase"));
}
