package ocireg

import (
	"context"
	"fmt"
	"math"

	"github.com/ocireg/ocireg/bindings/go/internal/capi"
)

// SearchResults are what a search found.
type SearchResults struct {
	Query string `json:"query"`
	// NumResults is how many there are; Results are the first of them.
	NumResults int            `json:"num_results"`
	Results    []SearchResult `json:"results"`
}

// SearchResult is one repository that a search found.
type SearchResult struct {
	StarCount   int    `json:"star_count"`
	IsOfficial  bool   `json:"is_official"`
	Name        string `json:"name"`
	IsAutomated bool   `json:"is_automated"`
	Description string `json:"description"`
}

// searchLimit is a limit in C's form, in which a large one must not become a small one.
func searchLimit(limit int) (int32, error) {
	if limit < math.MinInt32 || limit > math.MaxInt32 {
		return 0, refusal("limit", fmt.Sprintf("a search cannot give %d results", limit),
			fmt.Sprintf("give a limit from 1 to 100; %d is usual", DefaultSearchLimit))
	}
	return int32(limit), nil
}

// Search searches the index that the term names, [HOST[:PORT]/]TERM; without a host it is the official one. The limit is
// from 1 to 100; [DefaultSearchLimit] is usual. A nil authConfig is what the service knows for the index, a zero one is
// anonymous; an empty userAgent is the service's own; headers are added to each request. For a term that is a URL the error
// is [ErrInvalidRepositoryName] itself.
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
