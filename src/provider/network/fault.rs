//! What went wrong, in a few words: the root of an error without the wrappings of the libraries above it.

use std::error::Error;
use std::io;

/// Libraries wrap errors a handful deep; more than this is a loop.
const MAX_DEPTH: usize = 32;

/// The innermost cause, in plain words.
pub(super) fn root_text(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    for _ in 0..MAX_DEPTH {
        // An io::Error made of another error hides it from `source`.
        let inner = deepest.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let next = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => deepest.source(),
        };
        match next {
            Some(next) => deepest = next,
            None => break,
        }
    }
    match deepest.downcast_ref::<io::Error>() {
        Some(error) => io_text(error),
        None => deepest.to_string(),
    }
}

/// An operating system's error without its number.
pub(super) fn io_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::ConnectionAborted => "connection aborted".to_owned(),
        io::ErrorKind::HostUnreachable => "host unreachable".to_owned(),
        io::ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
        io::ErrorKind::TimedOut => "the other side does not answer (timed out)".to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection was closed too early".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_owned()
        }
    }
}

/// Why the machine's own resolver gave no address. The texts are those of getaddrinfo (glibc, musl, macOS).
pub(super) fn getaddrinfo_text(error: &io::Error) -> String {
    let text = error.to_string();
    let detail = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    let says = |part: &str| detail.contains(part);
    if says("Name or service not known") || says("Name does not resolve") || says("nodename nor servname") {
        "no such name".to_owned()
    } else if says("No address associated") || says("Name has no usable address") {
        "the name has no address".to_owned()
    } else if says("Temporary failure") || says("Try again") {
        format!("the resolver does not answer ({detail})")
    } else {
        format!("the name could not be resolved: {detail}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_through_io_errors() {
        let inner = io::Error::other(io::Error::from(io::ErrorKind::ConnectionReset));
        assert_eq!(root_text(&io::Error::other(inner)), "connection reset");
        assert_eq!(root_text(&io::Error::from_raw_os_error(97)), "Address family not supported by protocol");
    }

    #[test]
    fn a_name_that_is_not_there_differs_from_a_resolver_that_is_not_there() {
        let gone = io::Error::other("failed to lookup address information: Name or service not known");
        let mute = io::Error::other("failed to lookup address information: Temporary failure in name resolution");
        assert_eq!(getaddrinfo_text(&gone), "no such name");
        assert!(getaddrinfo_text(&mute).starts_with("the resolver does not answer"));
    }
}
