//go:build !unix

package main

// giveBack has nothing to do where access follows from the directory.
func giveBack(string) error { return nil }
