package config

import "strings"

// unknown is the fault of a name that does not exist, with the one that was probably meant.
func unknown(english, chinese, name string, known []string) problem {
	if meant := nearestName(name, known); meant != "" {
		return problemf(english+"; did you mean %[1]q?", chinese+"，是不是 %[1]q？", meant)
	}
	return problemf(english+"; known here: %[1]s", chinese+"；可用的有：%[1]s", strings.Join(known, ", "))
}

// nearestName is the known name that is at most a third of its letters away, or empty.
func nearestName(name string, known []string) string {
	best, distance := "", 1+max(1, len(name)/3)
	for _, candidate := range known {
		if d := editDistance(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// editDistance counts the single letters to insert, delete, replace or swap with their neighbour that turn a into b.
func editDistance(a, b string) int {
	before, last, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(last[j]+1, next[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, last, next = last, next, before
	}
	return last[len(b)]
}
