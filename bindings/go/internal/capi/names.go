//go:build cgo

package capi

// #include <ocireg.h>
import "C"

func ConvertToHostname(url string) (string, error) {
	return textCall([]arg{text("url", url)},
		func(in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_convert_to_hostname(in[0], out, failure)
		})
}

func ValidateIndexName(name string) (string, error) {
	return textCall([]arg{text("name", name)},
		func(in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_validate_index_name(in[0], out, failure)
		})
}

func ValidateMirror(url string) (string, error) {
	return textCall([]arg{text("url", url)},
		func(in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_validate_mirror(in[0], out, failure)
		})
}

func ParseReference(reference string) (string, error) {
	return textCall([]arg{text("reference", reference)},
		func(in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_parse_reference(in[0], out, failure)
		})
}

func ParseRepositoryInfo(reference string) (string, error) {
	return textCall([]arg{text("reference", reference)},
		func(in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_parse_repository_info(in[0], out, failure)
		})
}

func ParseSearchIndexInfo(term string) (string, error) {
	return textCall([]arg{text("term", term)},
		func(in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_parse_search_index_info(in[0], out, failure)
		})
}

func AuthConfigKey(index string) (string, error) {
	return textCall([]arg{text("index_json", index)},
		func(in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_auth_config_key(in[0], out, failure)
		})
}

func ResolveAuthConfig(authConfigs, index string) (string, error) {
	return textCall([]arg{text("auth_configs_json", authConfigs), text("index_json", index)},
		func(in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_resolve_auth_config(in[0], in[1], out, failure)
		})
}

func ParseChallenges(headerLines string) (string, error) {
	return textCall([]arg{text("header_lines_json", headerLines)},
		func(in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_parse_challenges(in[0], out, failure)
		})
}

func ReadCertsDirectory(directory string) (string, error) {
	return textCall([]arg{text("directory", directory)},
		func(in []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
			return C.ocireg_read_certs_directory(in[0], out, failure)
		})
}

func CertsDir() (string, error) {
	return textCall(nil, func(_ []*C.char, out **C.char, failure **C.ocireg_error) C.int32_t {
		return C.ocireg_certs_dir(out, failure)
	})
}
