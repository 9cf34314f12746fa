package ocireg

import (
	"context"
	"fmt"
	"math"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// SearchResults are the results of a search.
type SearchResults struct {
	Query string `json:"query"`
	// NumResults is the number of matching repositories, of which Results has the first ones.
	NumResults int            `json:"num_results"`
	Results    []SearchResult `json:"results"`
}

// SearchResult is a repository that matches a search.
type SearchResult struct {
	StarCount   int    `json:"star_count"`
	IsOfficial  bool   `json:"is_official"`
	Name        string `json:"name"`
	IsAutomated bool   `json:"is_automated"`
	Description string `json:"description"`
}

// searchLimit converts a limit to C, where a large one must not become a small one.
func searchLimit(limit int) (int32, error) {
	if limit < math.MinInt32 || limit > math.MaxInt32 {
		return 0, refusal("limit", fmt.Sprintf("%d is not a valid limit of a search", limit),
			fmt.Sprintf("set a limit from 1 to 100; the usual limit is %d", DefaultSearchLimit))
	}
	return int32(limit), nil
}

// Search searches for repositories. The term is [HOST[:PORT]/]TERM; without a host, Docker Hub is searched. The limit
// is 1 to 100, usually [DefaultSearchLimit]. If authConfig is nil, the service's credentials for the index are used; a
// zero AuthConfig is anonymous. If userAgent is empty, the service's own is sent; headers are added to each request. If
// the term is a URL, the error is [ErrInvalidRepositoryName] itself.
func (s *DefaultService) Search(ctx context.Context, term string, limit int, authConfig *AuthConfig, userAgent string,
	headers map[string][]string) (*SearchResults, error) {
	most, err := searchLimit(limit)
	if err != nil {
		return nil, err
	}
	auth, err := encodeOptional("auth_json", authConfig)
	if err != nil {
		return nil, err
	}
	more, err := encodeHeaders(headers)
	if err != nil {
		return nil, err
	}
	results, err := decodeNew[SearchResults](under(ctx, func(c *capi.Context) (string, error) {
		return s.c.Search(c, term, most, auth, optionalText(userAgent), more)
	}))
	return results, plainly(err, ErrInvalidRepositoryName)
}
