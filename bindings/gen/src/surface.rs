//! The C surface as `src/ffi` declares it: every exported function with its types and its text.

use std::path::Path;

use syn::{FnArg, Item, ItemFn, Pat, ReturnType};

/// Everything that C can see.
pub struct Surface {
    /// In the order of the header.
    pub functions: Vec<Function>,
    /// The opaque types, such as `ocireg_service`, in the order of the header.
    pub handles: Vec<String>,
    /// The types of callbacks.
    pub callbacks: Vec<Callback>,
    /// The modules that export functions, in the order of the header.
    pub sections: Vec<Section>,
}

/// A module of `src/ffi` that exports functions.
pub struct Section {
    pub module: String,
    /// The first line of its documentation.
    pub title: String,
    /// The name of its first function.
    pub first: String,
}

/// A type of callbacks, such as `ocireg_log_fn`.
pub struct Callback {
    pub name: String,
    pub parameters: Vec<Type>,
    pub returns: Type,
}

/// An exported function.
pub struct Function {
    pub name: String,
    /// The first paragraph of its documentation, as one line.
    pub summary: String,
    pub parameters: Vec<Parameter>,
    pub returns: Type,
}

/// A parameter of an exported function.
pub struct Parameter {
    pub name: String,
    pub kind: Type,
    /// Whether the documentation allows NULL.
    pub nullable: bool,
}

/// A type of a parameter or result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Void,
    /// `i32`, `usize` and so on, by Rust's name.
    Number(String),
    /// `c_char`
    Char,
    /// An opaque type.
    Handle(String),
    /// A type of callbacks.
    Callback(String),
    /// `*const T`
    Const(Box<Type>),
    /// `*mut T`
    Mut(Box<Type>),
}

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The handle that the call is about.
    Handle,
    Context,
    TextIn,
    /// `const uint8_t *`; its size follows.
    BytesIn,
    /// `uint8_t *` that the call fills; its size follows.
    Buffer,
    /// A size of the parameter before.
    SizeIn,
    NumberIn,
    Callback,
    UserData,
    TextOut,
    /// An array of strings that ends with NULL; only C has it, for the others read JSON.
    StringsOut,
    /// Its size follows.
    BytesOut,
    SizeOut,
    NumberOut,
    HandleOut,
    Error,
    /// What a `…_free` function ends.
    Owned,
}

impl Type {
    fn is_text(&self) -> bool {
        *self == Self::Const(Box::new(Self::Char))
    }

    fn number(&self) -> Option<&str> {
        match self {
            Self::Number(name) => Some(name),
            _ => None,
        }
    }

    /// The opaque type behind this type's pointers.
    pub fn handle(&self) -> Option<&str> {
        match self {
            Self::Handle(name) => Some(name),
            Self::Const(to) | Self::Mut(to) => to.handle(),
            _ => None,
        }
    }
}

impl Parameter {
    pub fn role(&self) -> Role {
        match &self.kind {
            Type::Number(name) if name == "usize" => Role::SizeIn,
            Type::Number(_) => Role::NumberIn,
            Type::Callback(_) => Role::Callback,
            kind if kind.is_text() => Role::TextIn,
            Type::Const(to) => match &**to {
                Type::Number(name) if name == "u8" => Role::BytesIn,
                Type::Handle(name) if name == "ocireg_context" => Role::Context,
                Type::Handle(_) => Role::Handle,
                other => panic!("no binding knows what a pointer to constant {other:?} is"),
            },
            Type::Mut(to) => match &**to {
                Type::Void => Role::UserData,
                Type::Char => Role::Owned,
                Type::Number(name) if name == "u8" => Role::Buffer,
                Type::Number(name) if name == "usize" => Role::SizeOut,
                Type::Number(_) => Role::NumberOut,
                Type::Handle(_) => Role::Handle,
                Type::Mut(inner) => match &**inner {
                    Type::Char => Role::TextOut,
                    Type::Mut(text) if **text == Type::Char => Role::StringsOut,
                    Type::Number(_) => Role::BytesOut,
                    Type::Handle(name) if name == "ocireg_error" => Role::Error,
                    Type::Handle(_) => Role::HandleOut,
                    other => panic!("no binding knows what a place for {other:?} is"),
                },
                other => panic!("no binding knows what a pointer to {other:?} is"),
            },
            other => panic!("no binding knows what {other:?} is"),
        }
    }

    /// The number that this parameter is, or is a place for.
    pub fn number(&self) -> &str {
        match &self.kind {
            Type::Mut(to) => to.number(),
            kind => kind.number(),
        }
        .unwrap_or_else(|| panic!("{} is no number", self.name))
    }

    /// The opaque type that this parameter is, or is a place for.
    pub fn handle(&self) -> &str {
        self.kind.handle().unwrap_or_else(|| panic!("{} is no handle", self.name))
    }
}

impl Function {
    /// Whether the call can fail and says why. Only such functions are calls; the others are parts of a binding's
    /// handling of memory, errors and versions, which is written by hand.
    pub fn can_fail(&self) -> bool {
        self.with(Role::Error).next().is_some()
    }

    pub fn has_callbacks(&self) -> bool {
        self.with(Role::Callback).next().is_some()
    }

    /// The parameters of one role.
    pub fn with(&self, role: Role) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(move |parameter| parameter.role() == role)
    }

    /// The type of the handle that the call is about; a context alone does not count.
    pub fn about(&self) -> Option<&str> {
        let first = self.parameters.first()?;
        (first.role() == Role::Handle).then(|| first.handle())
    }

    pub fn takes_context(&self) -> bool {
        self.with(Role::Context).next().is_some()
    }

    /// What the caller gives: neither handle nor context, nor the size of what it gives.
    pub fn inputs(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| {
            matches!(parameter.role(), Role::TextIn | Role::BytesIn | Role::Buffer | Role::NumberIn)
        })
    }

    /// What the caller gets; bytes and their size are one.
    pub fn outputs(&self) -> Vec<&Parameter> {
        let mut found: Vec<&Parameter> = Vec::new();
        for parameter in &self.parameters {
            match parameter.role() {
                Role::SizeOut if found.last().is_some_and(|last| last.role() == Role::BytesOut) => {
                }
                Role::TextOut
                | Role::StringsOut
                | Role::BytesOut
                | Role::SizeOut
                | Role::NumberOut
                | Role::HandleOut => found.push(parameter),
                _ => {}
            }
        }
        found
    }
}

impl Surface {
    /// Reads `src/ffi` below the root of the repository.
    pub fn read(root: &Path) -> Self {
        let directory = root.join("src/ffi");
        let (mut items, mut sections) = (Vec::new(), Vec::new());
        for item in &parse(&directory.join("mod.rs")).items {
            let Item::Mod(module) = item else { continue };
            if module.content.is_some() {
                continue;
            }
            let (file, room) = (
                directory.join(format!("{}.rs", module.ident)),
                directory.join(module.ident.to_string()).join("mod.rs"),
            );
            let file = parse(if file.exists() { &file } else { &room });
            let first = file.items.iter().find_map(exported);
            if let Some(first) = first {
                let text = documentation(&file.attrs);
                let title = text.lines().next().unwrap_or_default().to_owned();
                let module = module.ident.to_string();
                sections.push(Section { module, title, first: first.sig.ident.to_string() });
            }
            items.extend(file.items);
        }
        let names = Names::of(&items);
        let functions: Vec<Function> =
            items.iter().filter_map(exported).map(|function| names.function(function)).collect();
        let callbacks = items.iter().filter_map(|item| names.callback(item)).collect();
        assert!(functions.len() > 50, "the functions of src/ffi are found");
        Self { functions, handles: names.handles, callbacks, sections }
    }

    /// Whether a handle is for one thread at a time: some call takes it without `const`.
    pub fn is_exclusive(&self, handle: &str) -> bool {
        self.functions.iter().any(|function| {
            let Some(first) = function.parameters.first() else { return false };
            function.can_fail()
                && matches!(&first.kind, Type::Mut(to) if **to == Type::Handle(handle.to_owned()))
        })
    }
}

fn parse(path: &Path) -> syn::File {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The function that an item is, if C can call it.
fn exported(item: &Item) -> Option<&ItemFn> {
    match item {
        Item::Fn(function)
            if matches!(function.vis, syn::Visibility::Public(_)) && function.sig.abi.is_some() =>
        {
            Some(function)
        }
        _ => None,
    }
}

/// The types that are declared for C.
struct Names {
    handles: Vec<String>,
    callbacks: Vec<String>,
}

impl Names {
    fn of(items: &[Item]) -> Self {
        let (mut handles, mut callbacks) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Struct(item) if item.ident.to_string().starts_with("ocireg_") => {
                    handles.push(item.ident.to_string());
                }
                Item::Type(item) if item.ident.to_string().starts_with("ocireg_") => {
                    callbacks.push(item.ident.to_string());
                }
                _ => {}
            }
        }
        Self { handles, callbacks }
    }

    fn function(&self, function: &ItemFn) -> Function {
        let name = function.sig.ident.to_string();
        let text = documentation(&function.attrs);
        let described = text.split("@return").next().unwrap_or_default();
        let described = described.split_whitespace().collect::<Vec<_>>().join(" ");
        let parameters = function.sig.inputs.iter().map(|input| {
            let FnArg::Typed(input) = input else { panic!("{name} has a self") };
            let Pat::Ident(ident) = &*input.pat else { panic!("{name}: parameters have names") };
            let parameter = ident.ident.to_string();
            let kind = self.kind(&input.ty);
            let of_it = described
                .split("@param ")
                .find_map(|part| part.strip_prefix(parameter.as_str())?.strip_prefix(' '))
                .unwrap_or_else(|| panic!("{name} does not document {parameter}"));
            let (never, may) = (of_it.contains("Not NULL"), of_it.replace("Not NULL", ""));
            let nullable = may.contains("NULL");
            if matches!(kind, Type::Const(_) | Type::Mut(_)) {
                assert!(never != nullable, "{name}: {parameter} is \"Not NULL\", or may be NULL");
            }
            Parameter { name: parameter, kind, nullable }
        });
        let returns = match &function.sig.output {
            ReturnType::Default => Type::Void,
            ReturnType::Type(_, kind) => self.kind(kind),
        };
        let summary = text.split("\n\n").next().unwrap_or_default();
        let summary = summary.split_whitespace().collect::<Vec<_>>().join(" ");
        Function { summary, parameters: parameters.collect(), returns, name }
    }

    fn callback(&self, item: &Item) -> Option<Callback> {
        let Item::Type(item) = item else { return None };
        let name = item.ident.to_string();
        if !self.callbacks.contains(&name) {
            return None;
        }
        let syn::Type::BareFn(function) = optional(&item.ty) else {
            panic!("{name} is Option<unsafe extern \"C\" fn(…)>")
        };
        let returns = match &function.output {
            ReturnType::Default => Type::Void,
            ReturnType::Type(_, kind) => self.kind(kind),
        };
        let parameters = function.inputs.iter().map(|input| self.kind(&input.ty)).collect();
        Some(Callback { name, parameters, returns })
    }

    fn kind(&self, kind: &syn::Type) -> Type {
        match kind {
            syn::Type::Ptr(pointer) if pointer.mutability.is_some() => {
                Type::Mut(Box::new(self.kind(&pointer.elem)))
            }
            syn::Type::Ptr(pointer) => Type::Const(Box::new(self.kind(&pointer.elem))),
            syn::Type::Path(path) => {
                let name = path.path.segments.last().expect("a name").ident.to_string();
                match name.as_str() {
                    "c_char" => Type::Char,
                    "c_void" => Type::Void,
                    "c_int" => Type::Number(name),
                    "i32" | "i64" | "u8" | "u32" | "u64" | "usize" => Type::Number(name),
                    _ if self.handles.contains(&name) => Type::Handle(name),
                    _ if self.callbacks.contains(&name) => Type::Callback(name),
                    _ => panic!("{name} is no type of the C surface"),
                }
            }
            _ => panic!("only pointers and named types are for C"),
        }
    }
}

/// The type within `Option<…>`.
fn optional(kind: &syn::Type) -> &syn::Type {
    if let syn::Type::Path(path) = kind
        && let Some(last) = path.path.segments.last()
        && let syn::PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(syn::GenericArgument::Type(inner)) = arguments.args.first()
    {
        return inner;
    }
    kind
}

fn documentation(attributes: &[syn::Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes {
        if let syn::Meta::NameValue(pair) = &attribute.meta
            && pair.path.is_ident("doc")
            && let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value
        {
            let text = text.value();
            lines.push(text.strip_prefix(' ').unwrap_or(&text).to_owned());
        }
    }
    lines.join("\n")
}
