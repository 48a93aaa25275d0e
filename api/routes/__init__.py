"""The routes, a module a noun. They speak HTTP and delegate."""
