//! What users write for edits.
//! Fields and parameters have the same keys; only their names differ.

use maitred_config::scalar::Template;
use maitred_config::{HeaderName, Named, Spanned, config_map};

config_map! {
    /// Edits of header fields, in this order.
    pub struct FieldEditsConfig {
        /// Fields that are removed.
        remove: Vec<Spanned<HeaderName>>,
        /// Fields that are kept; all others are removed.
        keep: Vec<Spanned<HeaderName>>,
        /// New names of fields. A field that has the new name already is replaced.
        rename: Named<Spanned<HeaderName>>,
        /// Fields that get this one value. A value that is missing removes the field.
        set: Named<Spanned<Template>>,
        /// Fields that are added, beside those of the same name.
        add: Named<Spanned<Template>>,
        /// Fields that are added where there is none of the name.
        default: Named<Spanned<Template>>,
    }
}

config_map! {
    /// Edits of the parameters in the query, in this order. Values are written as they are meant: they are encoded here.
    pub struct QueryEditsConfig {
        /// Parameters that are removed.
        remove: Vec<String>,
        /// Parameters that are kept; all others are removed.
        keep: Vec<String>,
        /// New names of parameters. A parameter that has the new name already is replaced.
        rename: Named<String>,
        /// Parameters that get this one value. A value that is missing removes the parameter.
        set: Named<Spanned<Template>>,
        /// Parameters that are added, beside those of the same name.
        add: Named<Spanned<Template>>,
        /// Parameters that are added where there is none of the name.
        default: Named<Spanned<Template>>,
    }
}
