package console

import (
	"sort"
	"strings"
)

// StaticPatterns are the patterns of http.ServeMux for the files that need no token (see [Open]), so that a guard that
// decides by pattern opens exactly these. Prefix is the pattern of everything else.
func StaticPatterns() []string {
	patterns := []string{strings.TrimSuffix(Prefix, "/")}
	for url := range files {
		if strings.HasSuffix(url, "/") {
			url += "{$}"
		}
		patterns = append(patterns, url)
	}
	sort.Strings(patterns)
	return patterns
}
