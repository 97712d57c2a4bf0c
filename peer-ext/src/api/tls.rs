//! `TLSOptions`: as an argument that may be left out, and what they say.

use godot::classes::{FileAccess, Os, ProjectSettings, TlsOptions};
use godot::global::Error;
use godot::meta::conv::ByValue;
use godot::meta::error::ConvertError;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert, GodotImmutable, ToGodot};
use godot::prelude::*;

use crate::net::{Checks, Encryption, EncryptionError, Trust};

/// An object of class `TLSOptions`, or null, which is also what it can default to.
#[derive(Clone, Debug)]
pub(crate) struct OptionalTls(Option<Gd<TlsOptions>>);

impl OptionalTls {
    pub(crate) const NULL: OptionalTls = OptionalTls(None);

    pub(super) fn into_object(self) -> Option<Gd<TlsOptions>> {
        self.0
    }
}

impl GodotConvert for OptionalTls {
    type Via = Option<Gd<TlsOptions>>;

    fn godot_shape() -> GodotShape {
        <Option<Gd<TlsOptions>> as GodotConvert>::godot_shape()
    }
}

impl ToGodot for OptionalTls {
    type Pass = ByValue;

    fn to_godot(&self) -> Self::Via {
        self.0.clone()
    }
}

impl FromGodot for OptionalTls {
    fn try_from_godot(via: Self::Via) -> Result<OptionalTls, ConvertError> {
        Ok(OptionalTls(via))
    }
}

// SAFETY: the only default is null, which is immutable, and a script cannot change the options of an existing object either.
unsafe impl GodotImmutable for OptionalTls {}

/// What a server's options say, if they are a server's; else what to answer a script.
pub(super) fn server(options: Option<Gd<TlsOptions>>) -> Result<Encryption, Error> {
    let Some(options) = options.filter(|options| options.is_server()) else {
        godot_error!("Options of a DTLS server are wanted: TLSOptions.server(key, certificate).");
        return Err(Error::ERR_INVALID_PARAMETER);
    };
    let key = options.get_private_key().map(|mut key| key.save_to_string());
    let certificates = options.get_own_certificate();
    let certificates = certificates.map(|mut certificates| certificates.save_to_string());
    let [key, certificates] = [key, certificates].map(|pem| pem.unwrap_or_default().to_string());
    Encryption::server(&certificates, &key).map_err(|error| refuse(&error))
}

/// What a client's options say, if they are a client's; else what to answer a script. Without options all is to be as it should.
pub(super) fn trust(name: &GString, options: Option<Gd<TlsOptions>>) -> Result<Trust, Error> {
    let mut trust = Trust {
        name: name.to_string(),
        authorities: None,
        checks: Checks::All,
    };
    let mut authorities = None;
    if let Some(options) = options {
        if options.is_server() {
            godot_error!("Options of a DTLS client are wanted: TLSOptions.client() or TLSOptions.client_unsafe().");
            return Err(Error::ERR_INVALID_PARAMETER);
        }
        authorities = options.get_trusted_ca_chain();
        let other_name = options.get_common_name_override();
        if !other_name.is_empty() {
            trust.name = other_name.to_string();
        }
        trust.checks = match (options.is_unsafe_client(), &authorities) {
            (false, _) => Checks::All,
            (true, Some(_)) => Checks::AuthoritiesAlone,
            (true, None) => Checks::Nothing,
        };
    }
    trust.authorities = match authorities {
        Some(mut authorities) => Some(authorities.save_to_string().to_string()),
        None if trust.checks == Checks::Nothing => None,
        None => default_authorities(),
    };
    Ok(trust)
}

/// What a client that trusts so encrypts by; else what to answer a script.
pub(super) fn client(trust: &Trust) -> Result<Encryption, Error> {
    Encryption::client(trust).map_err(|error| refuse(&error))
}

/// The authorities that Godot trusts if nothing is said: those that the project names, else the system's.
fn default_authorities() -> Option<String> {
    let bundle = ProjectSettings::singleton().get_setting("network/tls/certificate_bundle_override");
    let bundle = bundle.try_to::<GString>().unwrap_or_default();
    let authorities = if bundle.is_empty() {
        Os::singleton().get_system_ca_certificates()
    } else {
        FileAccess::get_file_as_string(&bundle)
    };
    (!authorities.is_empty()).then(|| authorities.to_string())
}

fn refuse(error: &EncryptionError) -> Error {
    match error {
        EncryptionError::NotBuilt => {
            godot_error!("DTLS is not available: the extension was built without it.");
            Error::ERR_UNAVAILABLE
        }
        EncryptionError::Setup(words) => {
            godot_error!("DTLS: {words}.");
            Error::FAILED
        }
    }
}
