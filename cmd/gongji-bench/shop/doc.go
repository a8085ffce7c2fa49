// Package shop is a counter made of real processes, for the rigs that wear one out: the gongjid binary as a person installs it,
// readers on pseudo-terminals with invented people's cards in them, and a reference centre over HTTP whose book can be read
// afterwards. Nothing in the daemon knows that it is rehearsed; it is configured by a file like any other.
//
// The centre and the readers live in the rig's own process, so that they outlive a daemon that is killed, as they do in a
// street. What of them is read (the centre's book and balances) is never what the daemon said about itself.
package shop
