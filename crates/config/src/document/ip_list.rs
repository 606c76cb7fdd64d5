//! Lists of addresses and networks that stand once in a document and are used by name.
//! What stands in their files is read when the document is compiled.

use crate::config_map;
use crate::problem::Problem;
use crate::read::{Fields, FilePath, Named, Reader};
use crate::scalar::{ip_entry, quote};

config_map! {
    /// Addresses and networks under a name, for the policy `ip`.
    #[check = IpList::check]
    pub struct IpList {
        /// Networks or addresses.
        #[main]
        networks: Vec<ipnet::IpNet>,
        /// Files with a network or an address on each line, for long lists and for those that others write; they are read again when they change.
        /// What stands behind `#` or `;` is a comment.
        files: Vec<FilePath>,
    }
}

impl IpList {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let says_nothing = self.files.is_empty() && fields.entry("networks").is_none();
        if says_nothing && !fields.has_unknown() {
            let problem = Problem::error("this list has neither `networks` nor `files`").at(fields.place());
            reader
                .problem(problem.help("write `offices: [10.0.0.0/8]`, or `offices: { files: offices.txt }`"));
        }
    }
}

/// Checks that names cannot be taken for addresses.
pub(super) fn check(lists: &Named<IpList>, reader: &mut Reader<'_>) {
    for list in lists.iter().filter(|list| !ip_entry::is_name(&list.name)) {
        let problem = Problem::error(format!("{} cannot be the name of a list", quote(&list.name)));
        reader.problem(
            problem
                .at(list.span)
                .help("a letter, then letters, digits, `-` and `_`; not `all`, `any` or `localhost`"),
        );
    }
}
