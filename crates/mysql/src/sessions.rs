//! Sessions opened by the same options, whose certificates may be replaced in between.

use std::convert::Infallible;
use std::sync::Arc;

use mysql_async::{ClientIdentity, Opts, OptsBuilder, Pool, PoolOpts, SslOpts};
use th_tls::{Certificates, Made, Material};

/// A pool, and options for connections that are not its own. After certificates have changed there is a new pool; the
/// connections of the one before end when they are given back.
pub struct Sessions(Made<(Pool, Opts), Infallible>);

impl Sessions {
    /// Sessions with these options; `certificates` are those of the options.
    pub fn new(options: OptsBuilder, pool: PoolOpts, certificates: Option<Arc<Certificates>>) -> Self {
        let make = move |material: Option<&Material>| {
            let mut options = options.clone();
            if let Some(material) = material {
                options = options.ssl_opts(verified(material));
            }
            let single = Opts::from(options.clone());
            Ok((Pool::new(options.pool_opts(pool.clone())), single))
        };
        match Made::new(certificates, make) {
            Ok(made) => Self(made),
            Err(never) => match never {},
        }
    }

    /// The pool of new connections.
    pub fn pool(&self) -> Pool {
        self.0.get().0
    }

    /// Options of a connection of one's own.
    pub fn options(&self) -> Opts {
        self.0.get().1
    }
}

pub(crate) fn verified(material: &Material) -> SslOpts {
    let identity = material.identity.as_ref();
    SslOpts::default()
        .with_root_certs(material.ca.iter().map(|ca| ca.clone().into()).collect())
        .with_disable_built_in_roots(material.ca.is_some())
        .with_client_identity(
            identity.map(|(cert, key)| ClientIdentity::new(cert.clone().into(), key.clone().into())),
        )
}
