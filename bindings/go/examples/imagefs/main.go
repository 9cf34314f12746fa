// Command imagefs shows the files of an image as an io/fs.FS: imagefs REFERENCE [PATH] prints a file, or lists all.
package main

import (
	"context"
	"fmt"
	"io/fs"
	"log"
	"os"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 && len(os.Args) != 3 {
		log.Fatal("usage: imagefs REFERENCE [PATH]")
	}
	service, err := ocireg.NewService(ocireg.ServiceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	ctx := context.Background()
	image, err := service.Inspect(ctx, os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	repository, err := service.OpenRepository(ctx, os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	defer repository.Close()
	files, err := openImage(ctx, repository, image.Layers)
	if err != nil {
		log.Fatal(err)
	}
	if len(os.Args) == 3 {
		data, err := fs.ReadFile(files, os.Args[2])
		if err != nil {
			log.Fatal(err)
		}
		os.Stdout.Write(data)
		return
	}
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil {
			fmt.Println(entry.Type(), name)
		}
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
}
