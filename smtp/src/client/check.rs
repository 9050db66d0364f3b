//! Whether a server offers what a command needs.

use super::Unsupported;
use crate::{
    address::{ForwardPath, ReversePath},
    extension::{Capabilities, Extension},
    params::{BodyType, MailParams, RcptParams},
};

/// Whether MAIL with these parameters may be sent.
pub(super) fn mail(
    offered: &Capabilities,
    from: &ReversePath,
    params: &MailParams,
) -> Result<(), Unsupported> {
    if let (Some(size), Some(max)) = (params.size(), offered.size())
        && max != 0
        && size > max
    {
        return Err(Unsupported::Size { max });
    }
    if params.size().is_some() && !offered.offers(Extension::Size) {
        return Err(Unsupported::Parameter);
    }
    body(offered, params.body())?;
    if (params.is_smtputf8() || !from.is_ascii()) && !offered.offers(Extension::SmtpUtf8) {
        return Err(Unsupported::SmtpUtf8);
    }
    if (params.ret().is_some() || params.envid().is_some()) && !offered.offers(Extension::Dsn) {
        return Err(Unsupported::Dsn);
    }
    if params.auth().is_some() && !offered.offers(Extension::Auth) {
        return Err(Unsupported::Parameter);
    }
    Ok(())
}

/// Whether RCPT with these parameters may be sent.
pub(super) fn rcpt(
    offered: &Capabilities,
    to: &ForwardPath,
    params: &RcptParams,
) -> Result<(), Unsupported> {
    if !to.is_ascii() && !offered.offers(Extension::SmtpUtf8) {
        return Err(Unsupported::SmtpUtf8);
    }
    let dsn = params.notify().is_some() || params.orcpt().is_some();
    if dsn && !offered.offers(Extension::Dsn) {
        return Err(Unsupported::Dsn);
    }
    Ok(())
}

/// Whether a body of this type may be sent.
pub(super) fn body(offered: &Capabilities, body: Option<BodyType>) -> Result<(), Unsupported> {
    match body {
        Some(BodyType::EightBitMime) if !offered.offers(Extension::EightBitMime) => {
            Err(Unsupported::EightBitMime)
        }
        Some(BodyType::BinaryMime)
            if !offered.offers(Extension::BinaryMime) || !offered.offers(Extension::Chunking) =>
        {
            Err(Unsupported::BinaryMime)
        }
        _ => Ok(()),
    }
}
