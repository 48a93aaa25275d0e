"""Where tables come from: the copy in git, Kaggle, a file. Each source gives the path of a CSV file and what it is."""
