// Package faulttest makes system calls fail, in processes that test binaries
// start, so that tests see what becomes of data when a disk is full or breaks.
package faulttest
