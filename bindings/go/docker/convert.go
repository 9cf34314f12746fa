package registry

import (
	"github.com/docker/distribution/reference"
	"github.com/docker/docker/api/types"
	registrytypes "github.com/docker/docker/api/types/registry"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// toAuth converts credentials. None are anonymous, whatever ocireg finds in credential files.
func toAuth(auth *types.AuthConfig) *ocireg.AuthConfig {
	if auth == nil {
		return &ocireg.AuthConfig{}
	}
	return &ocireg.AuthConfig{Username: auth.Username, Password: auth.Password, Auth: auth.Auth, Email: auth.Email,
		ServerAddress: auth.ServerAddress, IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken}
}

func toIndex(index *registrytypes.IndexInfo) *ocireg.IndexInfo {
	if index == nil {
		return nil
	}
	return &ocireg.IndexInfo{Name: index.Name, Mirrors: index.Mirrors, Secure: index.Secure, Official: index.Official}
}

func fromIndex(index *ocireg.IndexInfo) *registrytypes.IndexInfo {
	if index == nil {
		return nil
	}
	return &registrytypes.IndexInfo{Name: index.Name, Mirrors: index.Mirrors, Secure: index.Secure, Official: index.Official}
}

// fromRepositoryInfo converts what ocireg says of the repository that given is in.
func fromRepositoryInfo(given reference.Named) func(*ocireg.RepositoryInfo, error) (*RepositoryInfo, error) {
	return func(info *ocireg.RepositoryInfo, err error) (*RepositoryInfo, error) {
		if err != nil {
			return nil, err
		}
		return &RepositoryInfo{Name: reference.TrimNamed(given), Index: fromIndex(info.Index), Official: info.Official,
			Class: info.Class}, nil
	}
}

func fromSearchResults(results *ocireg.SearchResults, err error) (*registrytypes.SearchResults, error) {
	if err != nil {
		return nil, err
	}
	converted := &registrytypes.SearchResults{Query: results.Query, NumResults: results.NumResults}
	for _, r := range results.Results {
		converted.Results = append(converted.Results, registrytypes.SearchResult{StarCount: r.StarCount,
			IsOfficial: r.IsOfficial, Name: r.Name, IsAutomated: r.IsAutomated, Description: r.Description})
	}
	return converted, nil
}

func fromNetworks(networks []*ocireg.NetIPNet) []*registrytypes.NetIPNet {
	converted := make([]*registrytypes.NetIPNet, len(networks))
	for i, network := range networks {
		converted[i] = (*registrytypes.NetIPNet)(network)
	}
	return converted
}

func fromServiceConfig(config *ocireg.ServiceConfig) *registrytypes.ServiceConfig {
	if config == nil {
		return nil
	}
	converted := &registrytypes.ServiceConfig{
		AllowNondistributableArtifactsCIDRs:     fromNetworks(config.AllowNondistributableArtifactsCIDRs),
		AllowNondistributableArtifactsHostnames: config.AllowNondistributableArtifactsHostnames,
		InsecureRegistryCIDRs:                   fromNetworks(config.InsecureRegistryCIDRs),
		IndexConfigs:                            map[string]*registrytypes.IndexInfo{},
		Mirrors:                                 config.Mirrors,
	}
	for name, index := range config.IndexConfigs {
		converted.IndexConfigs[name] = fromIndex(index)
	}
	return converted
}
