package ledger

import "crypto/sha256"

// leaf is a hash of the chain as it enters the tree.
type leaf [sha256.Size]byte

// The tree is that of RFC 6962, section 2.1: leaves and nodes are hashed under different first bytes, so that no node can be
// passed off as a leaf, and the left side of n leaves is the largest power of two below n.
const (
	leafMark byte = iota
	nodeMark
)

func hashLeaf(l leaf) leaf { return sha256.Sum256(append([]byte{leafMark}, l[:]...)) }

func hashNode(left, right leaf) leaf {
	return sha256.Sum256(append(append([]byte{nodeMark}, left[:]...), right[:]...))
}

// split is the size of the left side of a tree of n > 1 leaves.
func split(n int) int {
	left := 1
	for left*2 < n {
		left *= 2
	}
	return left
}

// rootOf is the root over at least one leaf.
func rootOf(leaves []leaf) leaf {
	if len(leaves) == 1 {
		return hashLeaf(leaves[0])
	}
	left := split(len(leaves))
	return hashNode(rootOf(leaves[:left]), rootOf(leaves[left:]))
}

// pathOf is the audit path of the leaf at an index: the sibling of each node on the way up.
func pathOf(leaves []leaf, index int) []leaf {
	if len(leaves) == 1 {
		return nil
	}
	left := split(len(leaves))
	if index < left {
		return append(pathOf(leaves[:left], index), rootOf(leaves[left:]))
	}
	return append(pathOf(leaves[left:], index-left), rootOf(leaves[:left]))
}

// climb is the root that a leaf at an index of a tree of a size has by its path; ok is false where the path has another length
// than such a tree gives it.
func climb(of leaf, index, size int64, path []leaf) (root leaf, ok bool) {
	if index < 0 || index >= size {
		return root, false
	}
	if size == 1 {
		return hashLeaf(of), len(path) == 0
	}
	if len(path) == 0 {
		return root, false
	}
	last := len(path) - 1
	left := int64(1)
	for left < (size+1)/2 {
		left *= 2
	}
	if index < left {
		below, ok := climb(of, index, left, path[:last])
		return hashNode(below, path[last]), ok
	}
	below, ok := climb(of, index-left, size-left, path[:last])
	return hashNode(path[last], below), ok
}
