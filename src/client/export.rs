//! From anywhere to one archive of a container's file system.

use super::locations::Place;
use super::options::ExportOptions;
use super::unpack::{Unpacked, Wanted, with_image};
use crate::call::Call;
use crate::error::{Error, Result};
use crate::export;
use crate::names::location::Bare;
use crate::os::lent::Lent;
use crate::registry::service::Service;

/// Writes the file system of an image to a descriptor as a tar archive, from where that stands. After a failure its content
/// is undefined.
pub fn export(
    service: &Service,
    source: &str,
    fd: i32,
    options: ExportOptions,
    call: Call,
) -> Result<Unpacked> {
    let from = Place::parse(source, Bare::Reference, "source")?.within(options.dir_fd)?;
    if from.is_files() {
        return Err(Error::argument("source", "files:DIR is not an image")
            .hint("use a registry, a layout or an archive"));
    }
    let call = call.limited(service.timeouts().total);
    let to = Lent::to_write(fd)?;
    let limits = options.limits.read_all();
    let wanted = Wanted {
        auth: options.auth,
        allowed: options.credential_sources.unwrap_or_default(),
        platform: options.platform,
        layout: options.layout,
        dir_fd: options.dir_fd,
    };
    let destination = to.shown();
    with_image(service, &from, &destination, wanted, &call, |source, keep, image, call| {
        export::export(source, keep, image, to, limits, call)
    })
}
