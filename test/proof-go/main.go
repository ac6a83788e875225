// Checks a log with the code of Go's checksum database and none of ours: main DIR VKEY [PROOFS.json]
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatalf("REJECTED: %v", err)
	}
	return value
}

// tile reads a C2SP tile: its number in groups of three digits, all but the last behind an x.
func tile(kind string, n, width int64) []byte {
	path := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	if width < 256 {
		path += fmt.Sprintf(".p/%d", width)
	}
	return must(os.ReadFile(filepath.Join(os.Args[1], "tile", kind, path)))
}

func main() {
	verifier := must(note.NewVerifier(os.Args[2]))
	text := must(os.ReadFile(filepath.Join(os.Args[1], "checkpoint")))
	opened := must(note.Open(text, note.VerifierList(verifier)))
	var origin, root string
	var size int64
	must(fmt.Sscan(opened.Text, &origin, &size, &root))

	var stored []tlog.Hash // in the order of tlog.StoredHashIndex
	hashes := tlog.HashReaderFunc(func(at []int64) (found []tlog.Hash, err error) {
		for _, index := range at {
			found = append(found, stored[index])
		}
		return found, nil
	})
	for at, bundle, leaves := int64(0), []byte{}, []byte{}; at < size; at++ {
		if at%256 == 0 {
			width := int64(256)
			if size-at < 256 {
				width = size - at
			}
			bundle, leaves = tile("entries", at/256, width), tile("0", at/256, width)
		}
		end := 2 + int(binary.BigEndian.Uint16(bundle))
		more := must(tlog.StoredHashes(at, bundle[2:end], hashes))
		if bundle = bundle[end:]; string(more[0][:]) != string(leaves[at%256*32:at%256*32+32]) {
			log.Fatalf("REJECTED: leaf %d differs from its tile", at)
		}
		stored = append(stored, more...)
	}
	rootOf := func(n int64) tlog.Hash { return must(tlog.TreeHash(n, hashes)) }
	if origin != verifier.Name() || rootOf(size) != must(tlog.ParseHash(root)) {
		log.Fatal("REJECTED: the entries do not hash to the signed root")
	}
	fmt.Printf("%s: signature good, %d entries hash to the signed root\n", origin, size)
	if len(os.Args) < 4 {
		return
	}
	var given struct {
		Inclusion, Consistency []struct {
			Index, Old, Size int64
			Hashes           []tlog.Hash
		}
	}
	must(0, json.Unmarshal(must(os.ReadFile(os.Args[3])), &given))
	for _, p := range given.Inclusion {
		leaf := stored[tlog.StoredHashIndex(0, p.Index)]
		must(0, tlog.CheckRecord(p.Hashes, p.Size, rootOf(p.Size), p.Index, leaf))
	}
	for _, p := range given.Consistency {
		must(0, tlog.CheckTree(p.Hashes, p.Size, rootOf(p.Size), p.Old, rootOf(p.Old)))
	}
	fmt.Printf("%d inclusion and %d consistency proofs good\n", len(given.Inclusion), len(given.Consistency))
}
