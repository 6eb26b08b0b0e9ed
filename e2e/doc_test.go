// Package e2e_test holds Parley to what it says of itself from outside: it knows
// a binary and a URL, and no package of ours. The scripts in testdata are the
// manual, told with the real curl; the Go tests are for what a script cannot
// say: kills under load, a stalled reader, a proxy, a browser.
package e2e_test
