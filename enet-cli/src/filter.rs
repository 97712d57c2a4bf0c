//! What is to be logged: `--log`, or `RUST_LOG`.

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// What is logged if nobody says anything.
const DEFAULT: &str = "info";

/// The variable that Rust programs take their filter from.
pub(crate) const VARIABLE: &str = "RUST_LOG";

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What has something to log.
const PARTS: [&str; 5] = ["enet", "enet_proto", "enet_tokio", "godot_peer", "quinn_udp"];

/// What was asked for is no filter.
#[derive(Debug, Error)]
pub(crate) enum FilterError {
    #[error("\"{text}\" is no log filter: {error}")]
    Malformed { text: String, error: ParseError },
    #[error("\"{0}\" is no log level: there are {levels}, and PART=LEVEL", levels = LEVELS.join(", "))]
    NoLevel(String),
    #[error("nothing in here is called \"{0}\": there are {parts}", parts = PARTS.join(", "))]
    NoPart(String),
}

/// The filter of `--log`; without it that of the environment, and else the default.
///
/// The option is for this program alone, so it must name what there is here. The variable may be meant for others as well.
pub(crate) fn filter(option: Option<&str>, variable: Option<&str>) -> Result<EnvFilter, FilterError> {
    let text = match (option, variable) {
        (Some(option), _) => {
            check(option)?;
            option
        }
        (None, Some(variable)) if !variable.trim().is_empty() => variable,
        (None, _) => DEFAULT,
    };
    EnvFilter::try_new(text).map_err(|error| FilterError::Malformed {
        text: text.to_owned(),
        error,
    })
}

/// A word alone would name a part, all of which is then logged: whoever mistypes a level would get everything, or nothing.
fn check(text: &str) -> Result<(), FilterError> {
    for directive in text.split(',').map(str::trim) {
        match directive.split_once('=') {
            None if LEVELS.iter().any(|level| level.eq_ignore_ascii_case(directive)) => {}
            None => return Err(FilterError::NoLevel(directive.to_owned())),
            Some((part, _)) => {
                let part = part.split_once('[').map_or(part, |(part, _)| part);
                let known = |name: &&str| part.is_empty() || name.starts_with(part) || is_within(part, name);
                if !PARTS.iter().any(known) {
                    return Err(FilterError::NoPart(part.to_owned()));
                }
            }
        }
    }
    Ok(())
}

/// Whether `part` is a module of the crate.
fn is_within(part: &str, name: &str) -> bool {
    part.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(option: Option<&str>, variable: Option<&str>) -> String {
        filter(option, variable).expect("a filter").to_string()
    }

    #[test]
    fn the_option_comes_first_then_the_environment_then_info() {
        assert_eq!(taken(Some("warn"), Some("debug")), "warn");
        assert_eq!(taken(None, Some("debug")), "debug");
        assert_eq!(taken(None, Some("somebody_else=trace")), "somebody_else=trace");
        for variable in [None, Some(""), Some(" ")] {
            assert_eq!(taken(None, variable), "info");
        }
    }

    #[test]
    fn what_means_nothing_here_is_refused() {
        for bad in ["blah", "", "info,enet_proto", "7", "debug info"] {
            assert!(matches!(check(bad), Err(FilterError::NoLevel(_))), "{bad}");
        }
        for bad in [
            "godot-peer=debug",
            "info,hyper=off",
            "enet_protoo=debug",
            "enet_proto:host=debug",
        ] {
            assert!(matches!(check(bad), Err(FilterError::NoPart(_))), "{bad}");
        }
        for variable in ["enet=loud", "enet=debug=info"] {
            assert!(
                matches!(filter(None, Some(variable)), Err(FilterError::Malformed { .. })),
                "{variable}"
            );
        }
    }

    #[test]
    fn levels_parts_and_modules_are_taken() {
        for good in [
            "off",
            "INFO",
            "warn,enet=debug",
            "godot_peer::relay=trace, error",
            "enet_proto[span]=debug",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
    }
}
