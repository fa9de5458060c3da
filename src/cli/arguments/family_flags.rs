//! The flags of every client about the addresses of a name.

use clap::Args;

use bullhorn_socket::endpoint::FamilyFilter;

/// Which addresses of a name may be used.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct FamilyFlags {
    /// Use only the IPv4 addresses of a name
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Use only the IPv6 addresses of a name
    #[arg(short = '6', long)]
    pub ipv6: bool,
}

impl FamilyFlags {
    /// The meaning of `-4` and `-6`.
    pub(crate) fn filter(self) -> FamilyFilter {
        match (self.ipv4, self.ipv6) {
            (true, _) => FamilyFilter::Inet,
            (_, true) => FamilyFilter::Inet6,
            _ => FamilyFilter::All,
        }
    }
}
