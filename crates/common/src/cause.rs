//! What is at the bottom of an error.

use std::error::Error;

/// The innermost cause, which is what a person understands: "connection refused", "name not known".
pub fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the request failed")]
    struct Request(#[source] std::io::Error);

    #[test]
    fn the_bottom_of_an_error_is_told_and_of_one_without_a_cause_itself() {
        let refused = || std::io::Error::other("connection refused");
        assert_eq!(
            innermost(&Request(refused())).to_string(),
            "connection refused"
        );
        assert_eq!(innermost(&refused()).to_string(), "connection refused");
    }
}
