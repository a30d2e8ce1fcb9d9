"""The artifact store on obstore: local folders and object stores."""
